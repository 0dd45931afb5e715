//! How far ahead of need a channel's messages are let begin.
//!
//! Pure. What may have begun counts as lost if the worker is: so as few as possible, but so many that nobody waits for
//! the store, which takes a while to write down that more may.

/// So many times what began during one call of the store: the next may take longer.
const RESERVE: usize = 3;

/// The state of one channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Lead {
    begun: u64,
    lead: usize,
}

impl Lead {
    /// One more began.
    pub(super) fn one(&mut self) {
        self.begun += 1;
    }

    /// How many began so far.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// Learns from a call of the store that began when so many had begun: quickly that more is needed, and
    /// slowly that less is.
    pub(super) fn learn(&mut self, before: u64) {
        let during = usize::try_from(self.begun.saturating_sub(before)).unwrap_or(usize::MAX);
        self.lead = during.saturating_mul(RESERVE).max(self.lead - self.lead.div_ceil(8));
    }

    /// So many should be free to begin beside those under way, of `width` at once.
    pub(super) fn least(&self, width: usize) -> usize {
        self.lead.max(width / 16).max(1)
    }

    /// The same for several channels together.
    pub(super) fn of_all<'l>(leads: impl Iterator<Item = &'l Self>, width: usize) -> usize {
        leads.map(|lead| lead.lead).sum::<usize>().max(width / 16).max(1)
    }

    /// So many more are let begin with one write.
    pub(super) fn stride(width: usize) -> usize {
        (width / 2).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(calls: &[u64]) -> usize {
        let mut lead = Lead::default();
        for begun in calls {
            let before = lead.begun();
            (0..*begun).for_each(|_| lead.one());
            lead.learn(before);
        }
        lead.least(4)
    }

    #[test]
    fn it_is_what_began_meanwhile_three_times() {
        assert_eq!(after(&[]), 1);
        assert_eq!(after(&[5]), 15);
        assert_eq!(after(&[5, 100]), 300);
    }

    #[test]
    fn it_shrinks_slowly_and_to_the_least() {
        assert_eq!(after(&[100, 0]), 262);
        assert_eq!(after(&[[100].as_slice(), &[0; 60]].concat()), 1);
        assert_eq!(Lead::default().least(100), 6);
    }
}
