//! Conditions over topics: `'news' in topics && ('de' in topics || 'at' in topics)`.

use crate::{
    address::Topic,
    error::{Error, Result},
};

/// A condition names at most five topics
/// (<https://firebase.google.com/docs/cloud-messaging/send-topic-messages>).
const MOST_TOPICS: usize = 5;
/// Five of the longest names, and what stands between them.
const LONGEST: usize = 5_000;

/// Checks that `condition` can be understood.
pub(super) fn check_condition(condition: &str) -> Result<()> {
    let named = (condition.len() <= LONGEST).then(|| topics(condition)).flatten();
    match named {
        Some(1..=MOST_TOPICS) => Ok(()),
        Some(named) => Err(wrong(format!("a condition names at most {MOST_TOPICS} topics, not {named}"))),
        None => {
            Err(wrong("expected topics joined by && and ||, such as 'news' in topics && !('de' in topics)"))
        }
    }
}

fn wrong(why: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::invalid("to.condition", why)
}

/// How many topics it names; `None` if it is no condition. Without recursion, for its nesting is the caller's.
fn topics(condition: &str) -> Option<usize> {
    let (mut rest, mut depth, mut named, mut operand) = (condition.trim(), 0_usize, 0, true);
    while !rest.is_empty() {
        rest = match (operand, rest.as_bytes()[0]) {
            (true, b'(') => {
                depth += 1;
                &rest[1..]
            }
            (true, b'!') => &rest[1..],
            (true, _) => {
                (named, operand) = (named + 1, false);
                membership(rest)?
            }
            (false, b')') => {
                depth = depth.checked_sub(1)?;
                &rest[1..]
            }
            (false, _) => {
                operand = true;
                rest.strip_prefix("&&").or_else(|| rest.strip_prefix("||"))?
            }
        }
        .trim_start();
    }
    (depth == 0 && !operand).then_some(named)
}

/// What follows `'name' in topics`.
fn membership(text: &str) -> Option<&str> {
    let (name, rest) = text.strip_prefix('\'')?.split_once('\'')?;
    let topic: Topic = name.parse().ok()?;
    let rest = spaced(rest)?.strip_prefix("in")?;
    let rest = spaced(rest)?.strip_prefix("topics")?;
    // Without the prefix `/topics/`, which a topic alone may have.
    (topic.as_str() == name).then_some(rest)
}

/// What follows at least one space.
fn spaced(text: &str) -> Option<&str> {
    text.starts_with(' ').then(|| text.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_understood() {
        for good in [
            "'news' in topics",
            " 'news'  in  topics ",
            "'a' in topics && ('b' in topics || 'c' in topics)",
            "!('a' in topics)||'b' in topics",
            "((('a' in topics)))",
            "'a' in topics || 'b' in topics || 'c' in topics || 'd' in topics || 'e' in topics",
        ] {
            assert!(check_condition(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_is_none_is_refused_with_what_would_be() {
        let deep = "(".repeat(4_999);
        for bad in [
            "",
            "news",
            "news in topics",
            "'news'in topics",
            "'news' in topic",
            "'news' in topics &&",
            "&& 'news' in topics",
            "'a' in topics & 'b' in topics",
            "'a' in topics 'b' in topics",
            "('a' in topics",
            "'a' in topics)",
            "()",
            "!",
            "'' in topics",
            "'two words' in topics",
            "'/topics/news' in topics",
            "'a\u{202e}' in topics",
            "ä",
            &deep,
        ] {
            let error = check_condition(bad).expect_err(bad);
            assert_eq!(error.field(), Some("to.condition"));
            assert!(error.message().contains("&&"), "{bad}: {error}");
        }
        let six = ["'a' in topics"; 6].join(" || ");
        assert!(check_condition(&six).expect_err("six").message().contains("at most 5 topics, not 6"));
    }
}
