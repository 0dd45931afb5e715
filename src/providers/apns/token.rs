//! Who sends: tokens signed by the key of a developer team.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use secrecy::SecretString;
use serde::Serialize;

use crate::{
    context::CallContext,
    error::Result,
    providers::shared::jws::Es256Key,
    secret::{CredentialSource, Issued},
    time::Timestamp,
};

/// "Refresh your token no more than once every 20 minutes and no less than once every 60 minutes"
/// (Establishing a token-based connection to APNs).
const SOONEST: Duration = Duration::from_secs(20 * 60);
/// Between both. A credential is fetched again one minute before it expires.
const LIFETIME: Duration = Duration::from_secs(41 * 60);

/// Signs tokens, never two within [`SOONEST`].
pub(super) struct ProviderTokens {
    key: Es256Key,
    key_id: String,
    team_id: String,
    last: Mutex<Option<(SecretString, Timestamp)>>,
}

impl ProviderTokens {
    pub(super) fn new(key: Es256Key, key_id: String, team_id: String) -> Self {
        Self { key, key_id, team_id, last: Mutex::default() }
    }

    fn issued(&self, now: Timestamp) -> Result<Issued<SecretString>> {
        // A panic while signing leaves what was there.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let issued = |(value, at): &(SecretString, Timestamp)| Issued {
            value: value.clone(),
            expires: Some(*at + LIFETIME),
        };
        // A clock that was set back must not make a token of tomorrow last for ever.
        if let Some(kept) = last.as_ref().filter(|(_, at)| *at <= now && now < *at + SOONEST) {
            return Ok(issued(kept));
        }
        let header = Header { alg: "ES256", kid: &self.key_id };
        let claims = Claims { iss: &self.team_id, iat: now.as_secs() };
        let fresh = (self.key.token(&header, &claims)?.into(), now);
        Ok(issued(last.insert(fresh)))
    }
}

#[async_trait]
impl CredentialSource for ProviderTokens {
    async fn fetch(&self, cx: &CallContext) -> Result<Issued<SecretString>> {
        self.issued(cx.clock().now())
    }
}

impl fmt::Debug for ProviderTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProviderTokens({} of {})", self.key_id, self.team_id)
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    kid: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};

    use super::*;

    const MINUTE: i64 = 60;

    fn tokens() -> ProviderTokens {
        let key = Es256Key::from_octets(&[7; 32]).expect("a key");
        ProviderTokens::new(key, "ABC123DEFG".into(), "DEF123GHIJ".into())
    }

    fn claims(tokens: &ProviderTokens, minute: i64) -> (Value, Option<Timestamp>) {
        let issued = tokens.issued(Timestamp::from_secs(minute * MINUTE)).expect("signed");
        let claims = issued.value.expose_secret().split('.').nth(1).expect("three parts");
        let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
        (serde_json::from_slice(&claims).expect("JSON"), issued.expires)
    }

    #[test]
    fn a_token_says_which_key_of_which_team_and_when() {
        let tokens = tokens();
        let expires = Some(Timestamp::from_secs(141 * MINUTE));
        assert_eq!(claims(&tokens, 100), (json!({"iss": "DEF123GHIJ", "iat": 100 * MINUTE}), expires));
        let issued = tokens.issued(Timestamp::from_secs(100 * MINUTE)).expect("signed");
        let header = issued.value.expose_secret().split('.').next().expect("a part").to_owned();
        let header: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).expect("base64url")).expect("JSON");
        assert_eq!(header, json!({"alg": "ES256", "kid": "ABC123DEFG"}));
        assert_eq!(format!("{tokens:?}"), "ProviderTokens(ABC123DEFG of DEF123GHIJ)");
    }

    #[test]
    fn none_is_made_anew_within_twenty_minutes() {
        let tokens = tokens();
        let made: Vec<i64> = [0, 19, 20, 39, 40, 5]
            .into_iter()
            .map(|minute| claims(&tokens, minute).0["iat"].as_i64().expect("a number") / MINUTE)
            .collect();
        assert_eq!(made, [0, 0, 20, 20, 40, 5], "the last after the clock was set back");
    }
}
