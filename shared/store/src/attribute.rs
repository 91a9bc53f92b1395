//! The names of the clear attributes that updates set and conditions compare.

use domain::named;

named! {
    /// A clear attribute of an item; the rows of [`crate::rows`] have fields of these names.
    pub enum Attribute {
        /// Which attempt at reading a text counts.
        Attempt = "attempt",
        /// When the form for a record's file ends.
        AwaitedUntil = "awaited_until",
        /// In which encoding a text file is.
        Charset = "charset",
        /// The chunk of the register that holds a record's entry.
        Chunk = "chunk",
        /// When a staff member's standing last changed.
        ChangedAt = "changed_at",
        /// When a request was decided.
        DecidedAt = "decided_at",
        /// When a grant was ended.
        EndedAt = "ended_at",
        /// When the table's TTL takes an item away.
        ExpiresAt = "expires_at",
        /// The grant that a request led to.
        Grant = "grant",
        /// Where an item stands in the index: its partition.
        IndexPartition = "GSI1PK",
        /// Where an item stands in its partition of the index.
        IndexSort = "GSI1SK",
        /// The item's own id.
        Id = "id",
        /// How many pages of text there are.
        Pages = "pages",
        /// How many disclosures were made under a grant.
        Reads = "reads",
        /// Why a file was rejected.
        Rejection = "rejection",
        /// How often a chunk of a register was written.
        Revision = "revision",
        /// When an invitation was sent.
        SentAt = "sent_at",
        /// Where a staff member stands.
        Standing = "standing",
        /// How far something has come.
        Status = "status",
        /// When a proof was taken into use.
        TakenAt = "taken_at",
        /// Why a text could not be read.
        TextProblem = "text_problem",
        /// How far reading a text has come.
        TextStatus = "text_status",
        /// When a record last changed.
        UpdatedAt = "updated_at",
        /// A record's version.
        Version = "version",
        /// How many parts the words of a text have.
        Words = "words",
    }
}
