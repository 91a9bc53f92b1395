//! What a misread word may do harm with: a number or the unit of one.

/// Units of doses and results, folded; those with digits in them need not be named.
const UNITS: &[&str] = &[
    "%",
    "‰",
    "°",
    "°c",
    "°f",
    "c",
    "f",
    "g",
    "kg",
    "mg",
    "µg",
    "ug",
    "mcg",
    "ng",
    "pg",
    "fl",
    "l",
    "dl",
    "cl",
    "ml",
    "µl",
    "ul",
    "mol",
    "mmol",
    "µmol",
    "umol",
    "nmol",
    "pmol",
    "meq",
    "iu",
    "u",
    "ie",
    "i.u.",
    "miu",
    "µiu",
    "mu",
    "mmhg",
    "kpa",
    "cmh2o",
    "bpm",
    "hz",
    "gy",
    "sv",
    "mgy",
    "msv",
    "bq",
    "mbq",
    "m",
    "cm",
    "mm",
    "µm",
    "m²",
    "h",
    "hr",
    "hrs",
    "min",
    "mins",
    "s",
    "sec",
    "ms",
    "d",
    "wk",
    "day",
    "days",
    "week",
    "weeks",
    "month",
    "months",
    "year",
    "years",
    "hour",
    "hours",
    "minute",
    "minutes",
    "tablet",
    "tablets",
    "tab",
    "tabs",
    "capsule",
    "capsules",
    "drop",
    "drops",
    "puff",
    "puffs",
    "unit",
    "units",
    "gram",
    "grams",
    "milligram",
    "milligrams",
    "microgram",
    "micrograms",
    "millilitre",
    "millilitres",
    "milliliter",
    "milliliters",
];

/// Whether a word holds a digit, or is a unit or a ratio of units.
pub(crate) fn measures(word: &str) -> bool {
    if word.chars().any(|c| c.is_numeric() || matches!(c, '%' | '‰')) {
        return true;
    }
    let bare = word.trim_matches(|c: char| c.is_ascii_punctuation());
    let folded = bare.to_lowercase().replace('\u{3bc}', "µ");
    let mut parts = folded.split('/').filter(|part| !part.is_empty()).peekable();
    parts.peek().is_some() && parts.all(|part| UNITS.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::measures;

    #[test]
    fn digits_and_units_measure_and_other_words_do_not() {
        for word in [
            "81", "8img", "6-8", "0.1%", "%", "½", "mmol/L", "(mg)", "mg/dL,", "µg", "μg", "IU",
            "weeks",
        ] {
            assert!(measures(word), "{word}");
        }
        for word in ["", "/", "Aspirin", "once", "daily", "and/or", "-", "Mira", "mgr"] {
            assert!(!measures(word), "{word}");
        }
    }
}
