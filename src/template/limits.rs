//! What a template may cost.

/// The deepest that `nesting` and `partial_depth` can be set to: measured so
/// that parsing and rendering fit a stack of 2 MiB in a debug build.
pub(super) const CEILING: usize = 96;

/// What a template may cost, at registration and in one render.
///
/// ```
/// use tidings::template::{Limits, Templates};
///
/// let mut limits = Limits::default();
/// limits.output_bytes = 4096;
/// let templates = Templates::new().with_limits(limits);
/// assert_eq!(templates.limits().output_bytes, 4096);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Turns of `{{#each}}` in one render of one part, all loops together
    /// (100 000). A render may also evaluate ten tags for each of these turns,
    /// and 100 000 more.
    pub loop_steps: usize,
    /// Blocks, links of an `{{else if}}` chain, sub-expressions and partials
    /// inside one another (48); at most 96.
    pub nesting: usize,
    /// Bytes of one rendered part (1 MiB).
    pub output_bytes: usize,
    /// Partials including partials (16); at most 96.
    pub partial_depth: usize,
    /// Bytes of one source (128 KiB).
    pub source_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            loop_steps: 100_000,
            nesting: 48,
            output_bytes: 1024 * 1024,
            partial_depth: 16,
            source_bytes: 128 * 1024,
        }
    }
}

impl Limits {
    /// These limits, none above what a small stack bears.
    pub(super) fn bounded(mut self) -> Self {
        self.nesting = self.nesting.min(CEILING);
        self.partial_depth = self.partial_depth.min(CEILING);
        self
    }

    /// How many tags one render may evaluate.
    pub(super) fn work(&self) -> usize {
        self.loop_steps.saturating_mul(10).saturating_add(100_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_cannot_be_set_beyond_the_stack() {
        let limits = Limits { nesting: usize::MAX, partial_depth: usize::MAX, ..Limits::default() }.bounded();
        assert_eq!((limits.nesting, limits.partial_depth), (CEILING, CEILING));
    }
}
