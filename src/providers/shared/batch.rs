//! Which messages of a batch one call of a vendor can carry.
//!
//! Several vendors take one content for many readers. The rule of what is the
//! same content stands here once: pure, and cheap for the usual case, a text
//! that thousands of messages share by reference.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{Hash, Hasher},
};

use bytes::Bytes;

use crate::{
    concurrent::in_order,
    message::{Attachment, Email},
};

/// How many calls of one batch are under way at once.
const WIDTH: usize = 16;

/// Positions gathered into groups of equal keys, each of at most `most` in weight.
///
/// Groups stand in the order of their first member, members in that of `items`.
/// One that alone weighs more than `most` gets a group of its own.
pub(crate) fn groups<K: Eq + Hash>(
    items: impl IntoIterator<Item = (usize, K, usize)>,
    most: usize,
) -> Vec<Vec<usize>> {
    let mut open: HashMap<K, (usize, usize)> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (position, key, weight) in items {
        match open.entry(key) {
            Entry::Occupied(mut entry) if entry.get().1 + weight <= most => {
                entry.get_mut().1 += weight;
                groups[entry.get().0].push(position);
            }
            entry => {
                entry.insert_entry((groups.len(), weight));
                groups.push(vec![position]);
            }
        }
    }
    groups
}

/// Neighbours cut into runs of at most `most` members and, with one octet between them, `octets` in all.
pub(crate) fn runs(sizes: &[usize], most: usize, octets: usize) -> Vec<std::ops::Range<usize>> {
    let mut runs = Vec::new();
    let (mut start, mut held) = (0, 0);
    for (position, size) in sizes.iter().enumerate() {
        let full = position - start == most || held + size + 1 > octets;
        if full && position > start {
            runs.push(start..position);
            (start, held) = (position, 0);
        }
        held += size + 1;
    }
    if start < sizes.len() {
        runs.push(start..sizes.len());
    }
    runs
}

/// Makes the calls of a batch, some of them side by side; the answers stand in order.
pub(crate) async fn calls<'a, T: Send, F>(work: impl Iterator<Item = F> + Send + 'a) -> Vec<T>
where
    F: Future<Output = T> + Send + 'a,
{
    in_order(work, WIDTH).await
}

/// What a vendor can set for each reader, so that messages of one call may differ in it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PerReader {
    /// Own headers, priority and list-unsubscribe.
    pub(crate) headers: bool,
    /// Metadata.
    pub(crate) metadata: bool,
    /// The data of the template.
    pub(crate) template_data: bool,
}

/// A message's content: what the readers of one call have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared<'a> {
    pub(crate) email: &'a Email,
    pub(crate) per_reader: PerReader,
}

impl Hash for Shared<'_> {
    /// Of lengths and short fields only: equality looks at the rest.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let email = self.email;
        email.subject.hash(state);
        email.text.as_deref().map(str::len).hash(state);
        email.html.as_deref().map(str::len).hash(state);
        email.template.as_ref().map(|template| &template.id).hash(state);
        (email.attachments.len(), email.tags.len(), email.options.len()).hash(state);
    }
}

impl PartialEq for Shared<'_> {
    fn eq(&self, other: &Self) -> bool {
        let (one, two, per) = (self.email, other.email, self.per_reader);
        one.subject == two.subject
            && one.from == two.from
            && one.reply_to == two.reply_to
            && one.text == two.text
            && one.html == two.html
            && one.tags == two.tags
            && one.options == two.options
            && (per.metadata || one.metadata == two.metadata)
            && (per.headers || same_headers(one, two))
            && same_template(one, two, per.template_data)
            && one.attachments.len() == two.attachments.len()
            && one.attachments.iter().zip(&two.attachments).all(|(one, two)| same_file(one, two))
    }
}

impl Eq for Shared<'_> {}

fn same_headers(one: &Email, two: &Email) -> bool {
    one.headers == two.headers && one.priority == two.priority && one.list_unsubscribe == two.list_unsubscribe
}

fn same_template(one: &Email, two: &Email, data_may_differ: bool) -> bool {
    match (&one.template, &two.template) {
        (None, None) => true,
        (Some(one), Some(two)) => one.id == two.id && (data_may_differ || one.data == two.data),
        _ => false,
    }
}

fn same_file(one: &Attachment, two: &Attachment) -> bool {
    one.content_id == two.content_id
        && one.file.name == two.file.name
        && one.file.content_type == two.file.content_type
        && same_bytes(&one.file.content, &two.file.content)
}

/// Bytes that are shared are not compared: thousands of messages may hold the same megabytes.
fn same_bytes(one: &Bytes, two: &Bytes) -> bool {
    one.len() == two.len() && (one.as_ptr() == two.as_ptr() || one == two)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::message::{Builder, ListUnsubscribe, VendorOption, VendorTemplate};

    #[test]
    fn equal_keys_meet_until_the_group_is_full() {
        let items =
            [(0, 'a', 1), (1, 'b', 1), (2, 'a', 1), (3, 'a', 1), (5, 'a', 1), (6, 'b', 9), (7, 'b', 1)];
        assert_eq!(groups(items, 3), [vec![0, 2, 3], vec![1], vec![5], vec![6], vec![7]]);
        assert!(groups(std::iter::empty::<(usize, char, usize)>(), 3).is_empty());
    }

    #[test]
    fn every_item_is_in_one_group_and_no_group_is_too_heavy() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..200 {
            let most = random.usize(1..9);
            let items: Vec<_> =
                (0..random.usize(0..40)).map(|n| (n, random.u8(0..4), random.usize(1..=most))).collect();
            let groups = groups(items.clone(), most);
            let mut all: Vec<_> = groups.iter().flatten().copied().collect();
            all.sort_unstable();
            assert_eq!(all, (0..items.len()).collect::<Vec<_>>());
            for group in &groups {
                assert!(group.iter().map(|position| items[*position].2).sum::<usize>() <= most);
                assert!(group.iter().all(|position| items[*position].1 == items[group[0]].1));
                assert!(group.is_sorted());
            }
        }
    }

    #[test]
    fn runs_hold_neither_too_many_nor_too_much() {
        assert!(runs(&[], 3, 10).is_empty());
        assert_eq!(runs(&[1, 1, 1, 1], 3, 100), [0..3, 3..4]);
        assert_eq!(runs(&[4, 4, 1], 3, 10), [0..2, 2..3]);
        // What is too large alone is left to the vendor's own limit.
        assert_eq!(runs(&[1, 20, 1], 3, 10), [0..1, 1..2, 2..3]);
    }

    fn same(one: &Email, two: &Email, per_reader: PerReader) -> bool {
        let key = |email| Shared { email, per_reader };
        let same = key(one) == key(two);
        if same {
            let together = groups([(0, key(one), 1), (1, key(two), 1)], 2);
            assert_eq!(together.len(), 1, "equal contents have equal hashes");
        }
        same
    }

    fn start() -> Builder<Email> {
        let file = Attachment::new("a.txt", "text/plain", &b"aaa"[..]).expect("valid");
        Email::builder().from("s@x.org").subject("s").text("t").to("a@x.org").attach(file)
    }

    fn data(value: Value) -> serde_json::Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn the_reader_and_their_data_are_no_content() {
        let one = start().build().expect("valid");
        let mut two = one.clone();
        two.to = vec!["Bob <b@x.org>".parse().expect("valid")];
        two.merge.insert("b@x.org".parse().expect("valid"), data(json!({"n": 1})));
        // Equal bytes elsewhere in memory are equal.
        two.attachments[0].file.content = Bytes::from(vec![b'a'; 3]);
        assert!(same(&one, &two, PerReader::default()));
    }

    #[test]
    fn whatever_else_differs_is_content() {
        let one = start().build().expect("valid");
        let file = |bytes: &'static [u8]| Attachment::new("a.txt", "text/plain", bytes).expect("valid");
        let others = [
            start().subject("x"),
            start().from("x@x.org"),
            start().reply_to("x@x.org"),
            start().text("x"),
            start().html("x"),
            start().tag("x"),
            start().attach(file(b"b")),
            start().option(VendorOption::new("acme", "x", 1)),
            start().metadata("x", "1"),
            start().header("X-A", "1"),
            start().list_unsubscribe(ListUnsubscribe::url("https://x.org").expect("valid")),
            start().template(VendorTemplate::new("t", data(json!({})))),
        ];
        for other in others {
            let other = other.build().expect("valid");
            assert!(!same(&one, &other, PerReader::default()), "{other:?}");
        }
        let mut changed = one.clone();
        changed.attachments[0].file.content = Bytes::from_static(b"bbb");
        assert!(!same(&one, &changed, PerReader::default()));
    }

    #[test]
    fn what_a_vendor_sets_per_reader_may_differ() {
        let all = PerReader { headers: true, metadata: true, template_data: true };
        let template = |n: u8| VendorTemplate::new("t", data(json!({"n": n})));
        let one = start().template(template(1)).build().expect("valid");
        let two = start().template(template(2)).metadata("x", "1").header("X-A", "1").build().expect("valid");
        assert!(same(&one, &two, all));
        assert!(!same(&one, &two, PerReader { template_data: false, ..all }));
        assert!(!same(&one, &two, PerReader { metadata: false, ..all }));
        assert!(!same(&one, &two, PerReader { headers: false, ..all }));
    }
}
