//! What a function's binary has to be before it is packaged: loadable on Lambda, and hardened.

use anyhow::{Context as _, Result, bail, ensure};
use elf::{ElfBytes, abi, endian::LittleEndian, segment::ProgramHeader};

type Elf<'b> = ElfBytes<'b, LittleEndian>;

/// The glibc of Amazon Linux 2023, on which `provided.al2023` stands.
pub(crate) const GLIBC: (u32, u32) = (2, 34);

/// Packed relative relocations (System V ABI, "Relative Relocation Table").
const DT_RELR: i64 = 36;

/// What is to be known of a binary.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Binary {
    /// The processor, as ELF numbers them.
    machine: u16,
    /// The newest glibc whose symbols it asks for.
    glibc: Option<(u32, u32)>,
    /// It wants what only glibc 2.36 and later can do: packed relocations.
    packed: bool,
    /// It can be loaded anywhere, so nobody knows where its code lies.
    position_independent: bool,
    /// The loader resolves every symbol at the start, and then locks the tables of addresses: by
    /// no later write can a call be led elsewhere.
    locked: bool,
    /// What lies on its stack may be run.
    runs_stack: bool,
}

/// Refuses a binary that would not start on Lambda's `machine`, or that is easier to attack than
/// it has to be.
pub(crate) fn check(operation: &str, machine: u16, bytes: &[u8]) -> Result<()> {
    let judged = read(bytes).and_then(|binary| judge(&binary, machine));
    judged.with_context(|| format!("the binary {operation}"))
}

fn judge(binary: &Binary, machine: u16) -> Result<()> {
    ensure!(binary.machine == machine, "is for another processor ({})", binary.machine);
    match binary.glibc {
        None => bail!("is not linked with glibc"),
        Some(needed) if needed > GLIBC => {
            bail!("needs glibc {}.{}, Lambda has {}.{}", needed.0, needed.1, GLIBC.0, GLIBC.1)
        }
        Some(_) => {}
    }
    ensure!(!binary.packed, "has packed relocations, which Lambda's glibc cannot load");
    ensure!(binary.position_independent, "would be loaded at a known address");
    ensure!(binary.locked, "leaves its tables of addresses writable (full RELRO is wanted)");
    ensure!(!binary.runs_stack, "would run what lies on its stack");
    Ok(())
}

/// ELF specification, "ELF Header", "Program Header" and "Dynamic Section"; the flags are of the
/// GNU loader.
fn read(bytes: &[u8]) -> Result<Binary> {
    let file = Elf::minimal_parse(bytes).context("reading it as ELF")?;
    let dynamic = file.dynamic()?.context("it is not linked with anything")?;
    let has = |tag, flag| {
        dynamic.iter().any(|one| one.d_tag == tag && one.d_val().cast_signed() & flag != 0)
    };
    let now = has(abi::DT_FLAGS, abi::DF_BIND_NOW) || has(abi::DT_FLAGS_1, abi::DF_1_NOW);
    let segment = |kind| file.segments()?.iter().find(|one| one.p_type == kind);
    let addresses = file.section_header_by_name(".got")?.context("it has no table of addresses")?;
    let covers = |locked: ProgramHeader| {
        let locked = locked.p_vaddr..=locked.p_vaddr + locked.p_memsz;
        locked.contains(&addresses.sh_addr)
            && locked.contains(&(addresses.sh_addr + addresses.sh_size))
    };
    Ok(Binary {
        machine: file.ehdr.e_machine,
        glibc: newest_glibc(&file)?,
        packed: dynamic.iter().any(|one| one.d_tag == DT_RELR),
        position_independent: has(abi::DT_FLAGS_1, abi::DF_1_PIE),
        locked: now && segment(abi::PT_GNU_RELRO).is_some_and(covers),
        runs_stack: segment(abi::PT_GNU_STACK).is_none_or(|one| one.p_flags & abi::PF_X != 0),
    })
}

/// Each symbol asked for names the library's version that has it: `GLIBC_2.34`.
fn newest_glibc(file: &Elf<'_>) -> Result<Option<(u32, u32)>> {
    let (Some((symbols, _)), Some(versions)) =
        (file.dynamic_symbol_table()?, file.symbol_version_table()?)
    else {
        return Ok(None);
    };
    let mut newest = None;
    for symbol in 0..symbols.len() {
        let asked = versions.get_requirement(symbol)?;
        newest = newest.max(asked.and_then(|asked| glibc(asked.name)));
    }
    Ok(newest)
}

fn glibc(version: &str) -> Option<(u32, u32)> {
    let (major, rest) = version.strip_prefix("GLIBC_")?.split_once('.')?;
    Some((major.parse().ok()?, rest.split('.').next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::*;

    const FIT: Binary = Binary {
        machine: abi::EM_AARCH64,
        glibc: Some(GLIBC),
        packed: false,
        position_independent: true,
        locked: true,
        runs_stack: false,
    };

    #[test]
    fn what_is_not_fit_for_lambda_is_refused() {
        let judged = |binary: &Binary| judge(binary, abi::EM_AARCH64);
        assert!(judged(&FIT).is_ok());
        assert!(judged(&Binary { glibc: Some((2, 9)), ..FIT }).is_ok(), "versions are numbers");
        for (unfit, why) in [
            (Binary { machine: abi::EM_X86_64, ..FIT }, "for another processor (62)"),
            (Binary { glibc: Some((2, 35)), ..FIT }, "needs glibc 2.35, Lambda has 2.34"),
            (Binary { glibc: None, ..FIT }, "is not linked with glibc"),
            (Binary { packed: true, ..FIT }, "which Lambda's glibc cannot load"),
            (Binary { position_independent: false, ..FIT }, "would be loaded at a known address"),
            (Binary { locked: false, ..FIT }, "writable (full RELRO is wanted)"),
            (Binary { runs_stack: true, ..FIT }, "would run what lies on its stack"),
        ] {
            assert!(judged(&unfit).unwrap_err().to_string().ends_with(why), "{unfit:?}");
        }
    }

    /// These tests are linked as Rust links by default: hardened.
    #[test]
    fn a_binary_tells_what_it_is() {
        let path = env::current_exe().unwrap();
        let binary = read(&fs::read(path).unwrap()).unwrap();
        assert!(binary.glibc.is_some_and(|needed| needed >= (2, 17)), "{binary:?}");
        assert_eq!(binary, Binary { glibc: binary.glibc, machine: binary.machine, ..FIT });
        for not_elf in [&b""[..], b"\x7fELF", b"#!/bin/sh\n"] {
            assert!(check("f", binary.machine, not_elf).is_err());
        }
    }

    #[test]
    fn a_version_is_read_from_its_name() {
        assert_eq!(glibc("GLIBC_2.2.5"), Some((2, 2)));
        assert_eq!(glibc("GLIBC_2.34"), Some((2, 34)));
        assert_eq!(glibc("GLIBC_PRIVATE"), None);
        assert_eq!(glibc("GCC_3.0"), None);
    }
}
