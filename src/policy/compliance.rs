//! What the law asks of marketing mail, checked before it is recorded.
//!
//! Mail is marketing if its `category` is `marketing`, begins with `marketing.` (as in `marketing.newsletter`), or
//! was named to [`Compliance::marketing`]; all other mail is transactional and is left alone. The rules:
//!
//! - One recipient: the means to unsubscribe are a person's own ([`Rule::OneRecipient`]).
//! - Means to unsubscribe in the header ([`Rule::Unsubscribe`]): 15 U.S.C. 7704(a)(3) and 16 CFR 316.5 (one page or
//!   one answer, and nothing else asked), RFC 8058 (one click), GDPR article 21(2) and (3).
//! - The same means where the reader sees them ([`Rule::VisibleOptOut`]): 15 U.S.C. 7704(a)(5)(A)(ii).
//! - The sender's postal address where the reader sees it ([`Rule::PostalAddress`]): 15 U.S.C. 7704(a)(5)(A)(iii), 16 CFR
//!   316.2(p).
//!
//! <https://law.lawstack.com/cfr/16/316.5/>, <https://www.rfc-editor.org/rfc/rfc8058>. Nobody is freed by it from
//! reading the law of the country that they send to.

use std::{
    collections::{BTreeSet, HashMap},
    error::Error as StdError,
    fmt,
    sync::Arc,
};

use super::{UnsubscribeLinks, visible};
use crate::{
    error::{Error, Result},
    id::TenantId,
    message::Email,
};

/// What marketing mail must have, and did not.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Rule {
    /// One recipient for each mail.
    OneRecipient,
    /// The sender's postal address in every part that is read.
    PostalAddress,
    /// A `List-Unsubscribe` header.
    Unsubscribe,
    /// The way out in every part that is read.
    VisibleOptOut,
}

impl Rule {
    /// A stable word, such as `postal_address`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OneRecipient => "one_recipient",
            Self::PostalAddress => "postal_address",
            Self::Unsubscribe => "unsubscribe",
            Self::VisibleOptOut => "visible_opt_out",
        }
    }

    /// Where the rule is written.
    pub const fn source(self) -> &'static str {
        match self {
            Self::OneRecipient => "RFC 8058 section 3.1; GDPR article 32",
            Self::PostalAddress => "CAN-SPAM, 15 U.S.C. 7704(a)(5)(A)(iii); 16 CFR 316.2(p)",
            Self::Unsubscribe => "CAN-SPAM, 15 U.S.C. 7704(a)(3), 16 CFR 316.5; RFC 8058; GDPR article 21(2)",
            Self::VisibleOptOut => "CAN-SPAM, 15 U.S.C. 7704(a)(5)(A)(ii)",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A rule that a mail would break: the source of the error that refuses it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Breach {
    /// The rule.
    pub rule: Rule,
    /// What would have worked.
    pub hint: &'static str,
}

impl Breach {
    /// The breach that made `error`, if one did.
    pub fn of(error: &Error) -> Option<&Self> {
        error.source().and_then(|source| source.downcast_ref())
    }

    fn error(self, field: &'static str) -> Error {
        Error::invalid(field, self.to_string()).with_code(self.rule.as_str()).with_source(self)
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "marketing mail breaks the rule {} ({}): {}", self.rule, self.rule.source(), self.hint)
    }
}

impl StdError for Breach {}

/// What marketing mail is, and who answers for it.
///
/// ```
/// use tidings::{Messenger, policy::{Compliance, UnsubscribeLinks}, providers::preview::Preview};
///
/// let messenger = Messenger::builder()
///     .email(Preview::silent())
///     .compliance(Compliance::new().marketing("newsletter").postal_address("Corner Shop, 1 Main Street, Springfield"))
///     .unsubscribe(UnsubscribeLinks::new("https://shop.example.org/u", "a secret of 32 characters or so")?)
///     .build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Compliance {
    categories: BTreeSet<Arc<str>>,
    address: Option<Arc<str>>,
    of_tenants: HashMap<TenantId, Arc<str>>,
    pages: Vec<Arc<str>>,
}

impl Compliance {
    /// The usual rules, and no postal address: marketing mail is refused until there is one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Mail of this category is marketing as well.
    pub fn marketing(mut self, category: impl Into<Arc<str>>) -> Self {
        self.categories.insert(category.into());
        self
    }

    /// The sender's postal address, as mails say it. Spaces, line breaks and punctuation do not count.
    pub fn postal_address(mut self, address: impl Into<Arc<str>>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// The postal address of a tenant.
    pub fn tenant_postal_address(mut self, tenant: TenantId, address: impl Into<Arc<str>>) -> Self {
        self.of_tenants.insert(tenant, address.into());
        self
    }

    /// A link that begins so is a visible way out as well, such as that of a page of preferences.
    pub fn opt_out_page(mut self, prefix: impl Into<Arc<str>>) -> Self {
        self.pages.push(prefix.into());
        self
    }

    /// Whether mail of this category is marketing.
    pub fn is_marketing(&self, category: Option<&str>) -> bool {
        category.is_some_and(|category| {
            category == "marketing"
                || category.starts_with("marketing.")
                || self.categories.contains(category)
        })
    }

    /// Adds the means to unsubscribe where `links` are configured, and refuses what breaks a rule. Mail that is not
    /// marketing is left as it is.
    ///
    /// # Errors
    /// Of kind `invalid_message`, with a [`Breach`] as its source.
    pub fn comply(
        &self,
        email: &mut Email,
        tenant: &TenantId,
        category: Option<&str>,
        links: Option<&UnsubscribeLinks>,
    ) -> Result<()> {
        let Some(category) = category.filter(|category| self.is_marketing(Some(category))) else {
            return Ok(());
        };
        let one = email.recipients().next().filter(|_| email.recipients().nth(1).is_none());
        let Some(one) = one.map(|mailbox| mailbox.address().clone()) else {
            let hint = "write one mail for each recipient, as the means to unsubscribe are a person's own";
            return Err(Breach { rule: Rule::OneRecipient, hint }.error("to"));
        };
        if email.list_unsubscribe.is_none() {
            let hint = "configure `MessengerBuilder::unsubscribe`, or set `list_unsubscribe` on the mail";
            let links =
                links.ok_or_else(|| Breach { rule: Rule::Unsubscribe, hint }.error("list_unsubscribe"))?;
            email.list_unsubscribe = Some(links.means(tenant, &one, category)?);
        }
        self.check_address(email, tenant)?;
        self.check_way_out(email)
    }

    fn check_address(&self, email: &Email, tenant: &TenantId) -> Result<()> {
        let breach = |hint| Breach { rule: Rule::PostalAddress, hint };
        let known = self.of_tenants.get(tenant).or(self.address.as_ref());
        let known = known.map(|address| visible::folded(address)).filter(|address| !address.is_empty());
        let Some(address) = known else {
            return Err(
                breach("configure `Compliance::postal_address`, and say it in the mail").error("from")
            );
        };
        let hint = "say the configured postal address in this part, for example in its footer";
        each_part(email, breach(hint), |part| visible::folded(part).contains(&address))
    }

    fn check_way_out(&self, email: &Email) -> Result<()> {
        let hint = "link the way out in this part: the link of `Messenger::unsubscribe_link`, or that of `list_unsubscribe`";
        let breach = Breach { rule: Rule::VisibleOptOut, hint };
        let list = email.list_unsubscribe.as_ref();
        let url = list.and_then(|list| list.url.as_ref()).map(|url| url.as_str());
        let mail = list.and_then(|list| list.mailto.as_ref()).map(|address| address.as_str());
        let ways: Vec<&str> =
            url.into_iter().chain(mail).chain(self.pages.iter().map(|page| &**page)).collect();
        each_part(email, breach, |part| ways.iter().any(|way| part.contains(way)))
    }
}

/// Refuses if a part that is read does not hold. What a vendor's template says cannot be known, so that it does not.
fn each_part(email: &Email, breach: Breach, holds: impl Fn(&str) -> bool) -> Result<()> {
    if email.template.is_some() {
        let hint = "what a vendor's template says cannot be checked: render marketing mail here";
        return Err(Breach { hint, ..breach }.error("template"));
    }
    let html = email.html.as_deref().map(visible::of_html);
    for (field, part) in [("html", html.as_deref()), ("text", email.text.as_deref())] {
        if part.is_some_and(|part| !holds(part)) {
            return Err(breach.error(field));
        }
    }
    if html.is_none() && email.text.is_none() {
        return Err(breach.error("text"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Builder, ListUnsubscribe};

    const ADDRESS: &str = "Corner Shop, 1 Main Street, 12345 Springfield";

    fn links() -> UnsubscribeLinks {
        UnsubscribeLinks::new("https://x.org/u", "thirty-two characters of a secret").expect("valid")
    }

    fn rules() -> Compliance {
        Compliance::new().marketing("newsletter").postal_address(ADDRESS)
    }

    fn start() -> Builder<Email> {
        Email::builder().from("shop@x.org").to("ada@x.org").subject("New")
    }

    /// A mail that keeps every rule.
    fn good() -> Builder<Email> {
        let link = links()
            .link(&TenantId::DEFAULT, &"ada@x.org".parse().expect("valid"), "marketing")
            .expect("fits");
        let html = format!(
            "<p>New!</p><p>Corner Shop<br>1 Main&nbsp;Street<br>12345 Springfield <a href=\"{link}\">no more</a></p>"
        );
        start().html(html).text(format!("New!\n{ADDRESS}\nNo more: {link}"))
    }

    fn refused(email: Builder<Email>, rules: &Compliance, links: Option<&UnsubscribeLinks>) -> Option<Rule> {
        let mut email = email.build().expect("a valid mail");
        let answer = rules.comply(&mut email, &TenantId::DEFAULT, Some("marketing"), links);
        answer.err().map(|error| Breach::of(&error).unwrap_or_else(|| panic!("no breach in {error}")).rule)
    }

    #[test]
    fn each_missing_thing_is_a_rule_of_its_own() {
        let links = links();
        assert_eq!(refused(good(), &rules(), Some(&links)), None);
        assert_eq!(refused(good(), &rules(), None), Some(Rule::Unsubscribe));
        assert_eq!(refused(good().cc("b@x.org"), &rules(), Some(&links)), Some(Rule::OneRecipient));
        assert_eq!(refused(good().bcc("b@x.org"), &rules(), Some(&links)), Some(Rule::OneRecipient));
        assert_eq!(refused(good(), &Compliance::new(), Some(&links)), Some(Rule::PostalAddress));
        assert_eq!(refused(good(), &rules().postal_address(" . "), Some(&links)), Some(Rule::PostalAddress));
        assert_eq!(
            refused(good().text("https://x.org/u"), &rules(), Some(&links)),
            Some(Rule::PostalAddress)
        );
        assert_eq!(refused(good().text(ADDRESS), &rules(), Some(&links)), Some(Rule::VisibleOptOut));
        assert_eq!(
            refused(good().html(format!("<p>{ADDRESS}</p>")), &rules(), Some(&links)),
            Some(Rule::VisibleOptOut)
        );
    }

    #[test]
    fn what_nobody_reads_does_not_count() {
        let links = links();
        let hidden = good().html(format!("<!-- {ADDRESS} https://x.org/u --><p>New</p>"));
        assert_eq!(refused(hidden, &rules(), Some(&links)), Some(Rule::PostalAddress));
        let template = start().template(crate::message::VendorTemplate::new("d-1", Default::default()));
        assert_eq!(refused(template, &rules(), Some(&links)), Some(Rule::PostalAddress));
    }

    #[test]
    fn transactional_mail_is_left_alone() {
        for category in [None, Some("receipt"), Some("marketingless")] {
            let mut email = start().text("Your receipt").cc("b@x.org").build().expect("valid");
            let before = email.clone();
            rules().comply(&mut email, &TenantId::DEFAULT, category, Some(&links())).expect("not marketing");
            assert_eq!(email, before, "{category:?}");
        }
    }

    #[test]
    fn categories_are_named() {
        let marketing = |category| rules().is_marketing(Some(category));
        assert!(marketing("marketing") && marketing("marketing.spring") && marketing("newsletter"));
        assert!(!marketing("receipt") && !marketing("Newsletter") && !rules().is_marketing(None));
    }

    #[test]
    fn means_of_ones_own_are_kept_and_must_be_seen() {
        let own = ListUnsubscribe::one_click("https://x.org/mine?a=1&b=2").expect("https");
        let seen =
            start().text(format!("{ADDRESS} https://x.org/mine?a=1&b=2")).list_unsubscribe(own.clone());
        assert_eq!(refused(seen, &rules(), None), None);
        let escaped = format!("<p>{ADDRESS} <a href=\"https://x.org/mine?a&#x3D;1&amp;b=2\">no more</a></p>");
        assert_eq!(refused(start().html(escaped).list_unsubscribe(own.clone()), &rules(), None), None);
        let page = start().text(format!("{ADDRESS} https://x.org/preferences/ada")).list_unsubscribe(own);
        assert_eq!(refused(page.clone(), &rules(), None), Some(Rule::VisibleOptOut));
        assert_eq!(refused(page, &rules().opt_out_page("https://x.org/preferences/"), None), None);
    }

    #[test]
    fn a_tenant_answers_with_its_own_address() {
        let tenant: TenantId = "branch".parse().expect("valid");
        let rules = rules().tenant_postal_address(tenant.clone(), "2 Side Street");
        let mut email = good().build().expect("valid");
        let error = rules
            .comply(&mut email, &tenant, Some("marketing"), Some(&links()))
            .expect_err("another's address");
        assert_eq!(Breach::of(&error).map(|breach| breach.rule), Some(Rule::PostalAddress));
        assert!(error.to_string().contains("16 CFR 316"), "{error}");
    }
}
