//! The keys of an AWS identity, given or found by the chain that is usual for AWS.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use reqsign_aws_v4::{
    AssumeRoleWithWebIdentityCredentialProvider, Credential as Found, ECSCredentialProvider,
    EnvCredentialProvider, IMDSv2CredentialProvider, ProfileCredentialProvider, SSOCredentialProvider,
};
use reqsign_core::{Context, FileRead, HttpSend, OsEnv, ProvideCredentialDyn};
use secrecy::SecretString;

use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result, Retry},
    secret::{CredentialSource, Issued},
    time::Timestamp,
};

/// The metadata services are on the machine or next to it: where none answers at once there is none.
const METADATA: Duration = Duration::from_secs(1);

/// The keys of an AWS identity: what requests are signed with.
#[derive(Clone)]
#[non_exhaustive]
pub struct AwsKeys {
    /// The id of the key, such as `AKIAIOSFODNN7EXAMPLE`.
    pub access_key_id: String,
    /// The key itself, which never leaves the machine.
    pub secret_access_key: SecretString,
    /// The token of keys that were lent for a time.
    pub session_token: Option<SecretString>,
}

impl AwsKeys {
    /// Keys for ever.
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<SecretString>) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
        }
    }

    /// The same lent for a time, with this token.
    #[must_use]
    pub fn with_session_token(mut self, token: impl Into<SecretString>) -> Self {
        self.session_token = Some(token.into());
        self
    }
}

impl fmt::Debug for AwsKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKeys")
            .field("session_token", &self.session_token.is_some())
            .finish_non_exhaustive()
    }
}

type Link = Box<dyn ProvideCredentialDyn<Credential = Found>>;

/// Where keys are looked for, in AWS's own order; the first that has some gives them.
///
/// <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>
pub(super) struct Chain {
    links: Vec<(&'static str, Link)>,
    around: Context,
}

impl Chain {
    /// The usual chain; `profile` in place of that of `AWS_PROFILE`.
    pub(super) fn new(profile: Option<&str>, region: &str) -> Self {
        Self::within(Context::new().with_env(OsEnv), profile, region)
    }

    /// The same with variables of another origin.
    pub(super) fn within(around: Context, profile: Option<&str>, region: &str) -> Self {
        let (mut files, mut sso) = (ProfileCredentialProvider::new(), SSOCredentialProvider::default());
        if let Some(profile) = profile {
            (files, sso) = (files.with_profile(profile), sso.with_profile(profile));
        }
        let web = AssumeRoleWithWebIdentityCredentialProvider::new().with_region(region.to_owned());
        let links: Vec<(&'static str, Link)> = vec![
            ("environment", Box::new(EnvCredentialProvider::new())),
            ("profile", Box::new(files)),
            ("single sign-on", Box::new(sso)),
            ("web identity", Box::new(web)),
            ("container", Box::new(ECSCredentialProvider::new())),
            ("instance metadata", Box::new(IMDSv2CredentialProvider::new())),
        ];
        // A profile that was asked for by name comes before keys that happen to be in the environment.
        let links = links.into_iter().skip(usize::from(profile.is_some())).collect();
        Self { links, around: around.with_file_read(Files) }
    }
}

#[async_trait]
impl CredentialSource<AwsKeys> for Chain {
    async fn fetch(&self, cx: &CallContext) -> Result<Issued<AwsKeys>> {
        let around = self.around.clone().with_http_send(Http(cx.clone()));
        let (mut asked, mut passing) = (Vec::new(), false);
        for (name, link) in &self.links {
            match link.provide_credential_dyn(&around).await {
                Ok(Some(found)) => return issued(found),
                Ok(None) => asked.push(format!("{name}: none")),
                Err(error) => {
                    passing |= error.is_retryable();
                    // The text may hold what a server said; the kind never does.
                    asked.push(format!("{name}: {}", error.kind()));
                }
            }
        }
        let why = format!("no AWS keys were found ({})", asked.join(", "));
        let retry = if passing { Retry::Backoff } else { Retry::Never };
        Err(Error::new(ErrorKind::Auth, why).with_retry(retry))
    }
}

fn issued(found: Found) -> Result<Issued<AwsKeys>> {
    let expires = found.expires_in.map(|at| Timestamp::from_secs(at.as_second()));
    let mut keys = AwsKeys::new(found.access_key_id, found.secret_access_key);
    keys.session_token = found.session_token.map(SecretString::from);
    Ok(Issued { value: keys, expires })
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.links.iter().map(|(name, _)| *name).collect();
        write!(f, "Chain({})", names.join(", "))
    }
}

/// Reads files apart from the tasks of the runtime.
#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        let path = path.to_owned();
        let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
        read.map_err(|_| reqsign_core::Error::unexpected("the file was not read"))?
            .map_err(|why| reqsign_core::Error::config_invalid(why.kind().to_string()))
    }
}

/// Calls through the transport of the call's context, within its deadline.
#[derive(Debug)]
struct Http(CallContext);

impl HttpSend for Http {
    async fn http_send(&self, request: http::Request<Bytes>) -> reqsign_core::Result<http::Response<Bytes>> {
        let failed = |error: Error| {
            reqsign_core::Error::unexpected(error.kind().as_str())
                .set_retryable(error.retry() != Retry::Never)
        };
        let near = request.uri().scheme_str() == Some("http");
        let limit = match (self.0.remaining(), near) {
            (left, false) => left,
            (left, true) => Some(left.map_or(METADATA, |left| left.min(METADATA))),
        };
        let transport = self.0.http().map_err(failed)?;
        transport.send(request, limit).await.map_err(failed)
    }
}
