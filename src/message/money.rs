//! What a message costs.

use std::{fmt, str::FromStr};

use crate::error::{Error, Result};

/// As many decimals as are kept: vendors name prices of up to eight.
const DECIMALS: usize = 9;
const ONE: u64 = 1_000_000_000;

/// An amount in a currency, exact to nine decimals; prices of single messages
/// are small, and binary fractions would not add up.
///
/// ```
/// use tidings::message::Money;
///
/// let price: Money = "0.0075 USD".parse()?;
/// assert_eq!(price.times(3).expect("small").to_string(), "0.0225 USD");
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Money {
    nanos: i64,
    currency: [u8; 3],
}

impl Money {
    /// An amount such as `0.0075` in a currency such as `USD` (ISO 4217).
    ///
    /// # Errors
    /// If the amount is no decimal number of at most nine decimals and nine
    /// digits before them, or the currency is not three letters.
    pub fn new(amount: &str, currency: &str) -> Result<Self> {
        let nanos = nanos(amount).ok_or_else(|| {
            Error::invalid("price", "an amount is a decimal number such as 0.0075, with up to nine decimals")
        })?;
        Ok(Self { nanos, currency: letters(currency)? })
    }

    /// Billionths of one unit of the currency.
    pub const fn nanos(&self) -> i64 {
        self.nanos
    }

    /// The currency's three letters.
    pub fn currency(&self) -> &str {
        // Three ASCII letters: checked when it was made.
        std::str::from_utf8(&self.currency).unwrap_or("???")
    }

    /// The amount `count` times; `None` if nobody could pay it.
    #[must_use]
    pub fn times(self, count: u32) -> Option<Self> {
        Some(Self { nanos: self.nanos.checked_mul(count.into())?, ..self })
    }

    /// Both amounts together; `None` if their currencies differ.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let nanos = self.nanos.checked_add(other.nanos)?;
        (self.currency == other.currency).then_some(Self { nanos, ..self })
    }

    /// All amounts together; `None` if one is missing or of another currency.
    pub(crate) fn plus_all(self, others: impl IntoIterator<Item = Option<Self>>) -> Option<Self> {
        others.into_iter().try_fold(self, |sum, other| sum.plus(other?))
    }

    /// The amount without its sign: some vendors write what they charge as negative.
    #[must_use]
    pub fn abs(self) -> Self {
        Self { nanos: self.nanos.saturating_abs(), ..self }
    }
}

fn letters(currency: &str) -> Result<[u8; 3]> {
    let upper = currency.trim().to_ascii_uppercase();
    match <[u8; 3]>::try_from(upper.as_bytes()) {
        Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(letters),
        _ => Err(Error::invalid("currency", "a currency is the three letters of ISO 4217, such as EUR")),
    }
}

fn nanos(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || part.len() > DECIMALS || !all_digits(whole) || !all_digits(part)
    {
        return None;
    }
    // Up to nine digits before the point and nine after it: below the end of i64.
    let number: i64 = format!("{whole}{part:0<DECIMALS$}").parse().ok()?;
    Some(sign * number)
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, nanos) = (if self.nanos < 0 { "-" } else { "" }, self.nanos.unsigned_abs());
        let part = format!("{:0DECIMALS$}", nanos % ONE);
        let part = part.trim_end_matches('0');
        let point = if part.is_empty() { "" } else { "." };
        write!(f, "{sign}{}{point}{part} {}", nanos / ONE, self.currency())
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Money({self})")
    }
}

impl FromStr for Money {
    type Err = Error;

    /// As it is shown: `0.0075 USD`.
    fn from_str(text: &str) -> Result<Self> {
        let (amount, currency) = text.split_once(' ').unwrap_or((text, ""));
        Self::new(amount, currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_as_they_were_read() {
        for (amount, shown) in [
            ("0", "0 EUR"),
            ("0.0333", "0.0333 EUR"),
            ("0.03330000", "0.0333 EUR"),
            ("-0.00750", "-0.0075 EUR"),
            ("12", "12 EUR"),
            ("999999999.999999999", "999999999.999999999 EUR"),
        ] {
            let money = Money::new(amount, "eur").expect(amount);
            assert_eq!(money.to_string(), shown);
            assert_eq!(shown.parse::<Money>().expect(shown), money);
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for bad in ["", "-", ".5", "1e3", "1,5", "+1", "1.0000000001", "1234567890", "0.1 x", "٣"] {
            assert_eq!(Money::new(bad, "EUR").expect_err(bad).field(), Some("price"), "{bad}");
        }
        for bad in ["", "E", "EURO", "€", "12E"] {
            assert_eq!(Money::new("1", bad).expect_err(bad).field(), Some("currency"), "{bad}");
        }
    }

    #[test]
    fn amounts_add_up_within_one_currency() {
        let price: Money = "0.1 EUR".parse().expect("valid");
        let three = price.plus(price).and_then(|two| two.plus(price)).expect("small");
        assert_eq!(Some(three), price.times(3));
        assert_eq!(price.plus("1 USD".parse().expect("valid")), None);
        assert_eq!("999999999 EUR".parse::<Money>().expect("valid").times(u32::MAX), None);
    }
}
