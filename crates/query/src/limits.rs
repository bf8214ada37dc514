//! How much one query may take.

/// The bounds of one query. Passing one of the first three is no error: the answer says
/// [`crate::Progress::Incomplete`] and holds what was found so far.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// Asked between blocks of at most 8,192 rows: whether to stop now, because the deadline has
    /// passed or nobody waits for the answer any more. The clock is the caller's.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// The most rows to look at.
    pub max_rows: u64,
    /// The most bytes of text to look at.
    pub max_bytes: u64,
    /// The most rows a page may order, `offset + line`; more is
    /// [`crate::QueryError::PageTooDeep`]. Each costs about 50 bytes while the search runs.
    pub max_window_rows: u64,
}

/// The default of [`Limits::max_window_rows`]: about 50 MB for the deepest page.
pub const MAX_WINDOW_ROWS: u64 = 1_000_000;

impl<'a> Limits<'a> {
    /// No bounds but `stop` and [`MAX_WINDOW_ROWS`].
    pub fn until(stop: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self { stop, max_rows: u64::MAX, max_bytes: u64::MAX, max_window_rows: MAX_WINDOW_ROWS }
    }
}

impl Limits<'static> {
    /// No bounds but [`MAX_WINDOW_ROWS`].
    pub fn none() -> Self {
        Limits::until(&|| false)
    }
}

impl std::fmt::Debug for Limits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits")
            .field("max_rows", &self.max_rows)
            .field("max_bytes", &self.max_bytes)
            .field("max_window_rows", &self.max_window_rows)
            .finish_non_exhaustive()
    }
}
