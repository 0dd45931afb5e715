//! The options that all vendors of AWS have: region, keys, profile.

use std::fmt;

use secrecy::SecretString;

use super::{AwsKeys, keys::Chain};
use crate::{
    error::{Error, Result},
    secret::Credential,
};

/// How requests are signed: by given keys, or by those that the usual chain finds.
#[derive(Clone, Default)]
pub(in crate::providers) struct Access {
    pub(in crate::providers) access_key_id: Option<String>,
    pub(in crate::providers) secret_access_key: Option<SecretString>,
    pub(in crate::providers) session_token: Option<SecretString>,
    pub(in crate::providers) profile: Option<String>,
    pub(in crate::providers) source: Option<Credential<AwsKeys>>,
}

impl Access {
    /// The keys, or what finds them.
    pub(in crate::providers) fn keys(self, region: &str) -> Result<Credential<AwsKeys>> {
        if let Some(source) = self.source {
            return Ok(source);
        }
        match (self.access_key_id, self.secret_access_key) {
            (Some(id), Some(secret)) if self.profile.is_none() => {
                let mut keys = AwsKeys::new(id, secret);
                keys.session_token = self.session_token;
                Ok(Credential::fixed(keys))
            }
            (None, None) if self.session_token.is_none() => {
                Ok(Credential::fetched(Chain::new(self.profile.as_deref(), region)))
            }
            (Some(_), Some(_)) => Err(Error::config("give `profile` or `access_key_id`, not both")),
            (_, None) => Err(Error::config("`access_key_id` needs `secret_access_key`")),
            (None, _) => Err(Error::config("`secret_access_key` needs `access_key_id`")),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("access_key_id", &self.access_key_id.is_some())
            .field("profile", &self.profile)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// The region's name, which becomes part of a host's.
pub(in crate::providers) fn needed_region(region: &str) -> Result<&str> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (5..=30).contains(&region.len()) && region.bytes().all(fits) {
        return Ok(region);
    }
    Err(Error::config("`region` is a region of AWS, such as eu-west-1"))
}

/// Where a service is in a region.
///
/// <https://docs.aws.amazon.com/general/latest/gr/rande.html>
pub(in crate::providers) fn endpoint_of(host: &str, region: &str) -> String {
    let china = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://{host}.{region}.amazonaws.com{china}")
}
