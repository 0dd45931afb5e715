//! What text messages cost, by the caller's own list.

use std::{fmt, sync::Arc};

use super::Sms;
use crate::{
    address::PhoneNumber,
    error::{Error, Result},
    message::Money,
};

/// Prices of one segment by the beginning of the number; the longest beginning counts.
///
/// None is shipped: prices differ by contract and change without notice. Give the list
/// that your vendor gives you.
///
/// ```
/// use tidings::{Sms, message::PriceList};
///
/// let prices = PriceList::from_csv("prefix,price,currency\n+49,0.075,EUR\n+4915,0.08,EUR\n")?;
/// let sms = Sms::builder().to("+4915112345678").body("Hi").build()?;
/// assert_eq!(prices.estimate(&sms).expect("listed").to_string(), "0.08 EUR");
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct PriceList {
    /// Digits without the plus, sorted, each once.
    prices: Vec<(Arc<str>, Money)>,
}

impl PriceList {
    /// A list without prices.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the price of one segment to numbers that begin so: `+49` or `49`.
    ///
    /// # Errors
    /// If the prefix is no beginning of an E.164 number, or is listed already.
    pub fn add(&mut self, prefix: &str, price: Money) -> Result<()> {
        let digits = prefix.trim().trim_start_matches('+');
        let fits = (1..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        if !fits {
            let why = format!("{prefix:?} is no beginning of a number; expected such as +49");
            return Err(Error::invalid("prefix", why));
        }
        match self.find(digits) {
            Ok(_) => Err(Error::invalid("prefix", format!("+{digits} is listed twice"))),
            Err(place) => {
                self.prices.insert(place, (digits.into(), price));
                Ok(())
            }
        }
    }

    /// Reads a table of comma-separated values (RFC 4180) whose first line names the
    /// columns: `prefix`, `price` and `currency` in any order; others are left alone.
    ///
    /// # Errors
    /// Naming the line that cannot be read, and what it should hold.
    pub fn from_csv(csv: &str) -> Result<Self> {
        let mut lines = csv.trim_start_matches('\u{feff}').lines().enumerate();
        let (_, head) = lines.next().unwrap_or_default();
        let columns = Columns::of(&fields(head).ok_or_else(|| broken(1, "a quote is not closed"))?)?;
        let mut list = Self::new();
        for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let fields = fields(line).ok_or_else(|| broken(index + 1, "a quote is not closed"))?;
            columns.put(&fields, &mut list).map_err(|error| broken(index + 1, error.message()))?;
        }
        Ok(list)
    }

    /// The price of one segment to `number`.
    pub fn price(&self, number: &PhoneNumber) -> Option<Money> {
        let digits = number.as_str().trim_start_matches('+');
        let ends = (1..=digits.len()).rev();
        ends.filter_map(|end| self.find(digits.get(..end)?).ok()).next().map(|place| self.prices[place].1)
    }

    /// About what a message will cost: its segments at the price of one. `None` if
    /// the number is not listed, or there is media, which is billed otherwise.
    pub fn estimate(&self, sms: &Sms) -> Option<Money> {
        if !sms.media.is_empty() {
            return None;
        }
        self.price(&sms.to)?.times(sms.length().segments)
    }

    fn find(&self, digits: &str) -> std::result::Result<usize, usize> {
        self.prices.binary_search_by(|(known, _)| (**known).cmp(digits))
    }
}

impl fmt::Debug for PriceList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PriceList({} prefixes)", self.prices.len())
    }
}

/// Where the columns are.
struct Columns {
    prefix: usize,
    price: usize,
    currency: usize,
}

impl Columns {
    fn of(head: &[String]) -> Result<Self> {
        let place = |name: &str| {
            let found = head.iter().position(|column| column.trim().eq_ignore_ascii_case(name));
            found.ok_or_else(|| {
                broken(1, &format!("the column {name} is missing; expected prefix,price,currency"))
            })
        };
        Ok(Self { prefix: place("prefix")?, price: place("price")?, currency: place("currency")? })
    }

    fn put(&self, fields: &[String], list: &mut PriceList) -> Result<()> {
        let field = |place: usize| fields.get(place).map_or("", |field| field.trim());
        list.add(field(self.prefix), Money::new(field(self.price), field(self.currency))?)
    }
}

fn broken(line: usize, why: &str) -> Error {
    Error::config(format!("price list, line {line}: {why}"))
}

/// The fields of a line; `None` if a quote is not closed.
fn fields(line: &str) -> Option<Vec<String>> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    fields.push(field);
    (!quoted).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> PhoneNumber {
        text.parse().expect("valid")
    }

    #[test]
    fn the_longest_prefix_counts_and_segments_are_multiplied() {
        let csv = "\u{feff}Country,Prefix,Price,Currency\r\n\"Germany, all\",+49,0.075,EUR\r\n,4915,\"0.08\",eur\r\n\r\nUS,1,0.0079,USD";
        let list = PriceList::from_csv(csv).expect("readable");
        let price = |text| list.price(&number(text)).map(|price| price.to_string());
        assert_eq!(price("+4915112345678").as_deref(), Some("0.08 EUR"));
        assert_eq!(price("+4930123456").as_deref(), Some("0.075 EUR"));
        assert_eq!(price("+15005550006").as_deref(), Some("0.0079 USD"));
        assert_eq!(price("+4415005550"), None);
        let sms = |body: String| Sms::builder().to("+15005550006").body(body).build().expect("valid");
        let cost = |body| list.estimate(&sms(body)).map(|cost| cost.to_string());
        assert_eq!(cost("a".repeat(161)).as_deref(), Some("0.0158 USD"));
        assert_eq!(cost("a".to_owned()).as_deref(), Some("0.0079 USD"));
    }

    #[test]
    fn faults_name_the_line_and_what_it_should_hold() {
        for (csv, words) in [
            ("", "line 1: the column prefix is missing"),
            ("prefix,price\n", "line 1: the column currency"),
            ("prefix,price,currency\n+49,0.1,EUR\nGermany,0.1,EUR", "line 3: \"Germany\""),
            ("prefix,price,currency\n+49,\"0,1\",EUR", "line 2: an amount"),
            ("prefix,price,currency\n+49,0.1", "line 2: a currency"),
            ("prefix,price,currency\n+49,0.1,EUR\n49,0.2,EUR", "line 3: +49 is listed twice"),
            ("prefix,price,currency\n\"+49,0.1,EUR", "line 2: a quote"),
            ("prefix,price,currency\n049,0.1,EUR", "line 2: \"049\""),
        ] {
            let error = PriceList::from_csv(csv).expect_err(csv);
            assert!(error.message().contains(words), "{csv:?}: {error}");
        }
    }

    #[test]
    fn looking_up_is_what_a_search_by_hand_finds() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut list = PriceList::new();
        let mut by_hand: Vec<(String, Money)> = Vec::new();
        for _ in 0..400 {
            let prefix = random.u32(1..20_000).to_string();
            let price = Money::new(&format!("0.{:03}", random.u32(0..1_000)), "EUR").expect("valid");
            if list.add(&prefix, price).is_ok() {
                by_hand.push((prefix, price));
            }
        }
        for _ in 0..2_000 {
            let to = number(&format!("+{}", random.u64(1_000_000..99_999_999)));
            let fitting = by_hand.iter().filter(|(prefix, _)| to.as_str()[1..].starts_with(prefix.as_str()));
            let best = fitting.max_by_key(|(prefix, _)| prefix.len()).map(|(_, price)| *price);
            assert_eq!(list.price(&to), best);
        }
    }
}
