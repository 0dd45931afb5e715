//! What FCM needs to know.

use std::fmt;

use http::Uri;
use serde::Deserialize;

use super::{Fcm, ServiceAccount, VENDOR, topics::Relations};
use crate::{
    address::shown_url,
    error::{Error, Result},
    providers::{
        schema::{Place, Schema, Setting, configured_by},
        shared::{
            google::AccessTokens,
            settings::{checked_name, endpoint, read_as_table},
        },
    },
    secret::Credential,
};

const BASE_URL: &str = "https://fcm.googleapis.com";
/// What access tokens must allow.
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// Topics are kept by a service of their own.
const IID_BASE_URL: &str = "https://iid.googleapis.com";

configured_by!(
    FcmConfig,
    Schema::new(
        VENDOR,
        &[
            Setting::secret("service_account", "the JSON of a service account")
                .needed()
                .variables(&["FCM_SERVICE_ACCOUNT_JSON"])
                .file("GOOGLE_APPLICATION_CREDENTIALS"),
            Setting::text("name", "the name of this instance").example("fcm-app"),
            Setting::text("project_id", "the project, if not the account's own")
                .variables(&["FCM_PROJECT_ID"])
                .at(Place::Host)
                .example("my-app-1a2b3"),
            Setting::text("base_url", "where the API is"),
            Setting::flag("web_actions", "true if the tokens are browsers, which show buttons"),
        ],
    )
);

/// How to reach FCM, and as whom.
///
/// ```
/// use tidings::providers::fcm::FcmConfig;
///
/// let fcm = FcmConfig::with_credential("my-project", "an access token from elsewhere").build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct FcmConfig {
    name: Option<String>,
    project_id: Option<String>,
    service_account: Option<ServiceAccount>,
    base_url: Option<String>,
    web_actions: bool,
    credential: Option<Credential>,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "FcmConfig")]
struct Fields {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    project_id: Option<String>,
    #[serde(default)]
    service_account: Option<ServiceAccount>,
    #[serde(default)]
    base_url: Option<String>,
    #[serde(default)]
    web_actions: bool,
    #[serde(skip)]
    credential: Option<Credential>,
}

read_as_table!(FcmConfig by Fields);

impl FcmConfig {
    /// Sends as this service account, to the apps of its project.
    pub fn new(account: ServiceAccount) -> Self {
        Self { service_account: Some(account), ..Self::empty() }
    }

    /// Sends with access tokens of another origin, such as Google's metadata server; for that
    /// give a [`Credential::fetched`]. They need the scope
    /// `https://www.googleapis.com/auth/firebase.messaging`.
    pub fn with_credential(project_id: impl Into<String>, credential: impl Into<Credential>) -> Self {
        let project_id = Some(project_id.into());
        Self { project_id, credential: Some(credential.into()), ..Self::empty() }
    }

    fn empty() -> Self {
        Self {
            name: None,
            project_id: None,
            service_account: None,
            base_url: None,
            web_actions: false,
            credential: None,
        }
    }

    /// Names this instance; `fcm` if it is not named.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sends to the apps of this project and not of the service account's own.
    #[must_use]
    pub fn project_id(mut self, project: impl Into<String>) -> Self {
        self.project_id = Some(project.into());
        self
    }

    /// Calls this address and not `https://fcm.googleapis.com`.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Says that the tokens are browsers, which show buttons; phones drop them.
    #[must_use]
    pub fn web_actions(mut self, yes: bool) -> Self {
        self.web_actions = yes;
        self
    }

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming the option that cannot be right.
    pub fn build(self) -> Result<Fcm> {
        let (endpoint, relations) = (self.endpoint()?, self.relations()?);
        let credential = match (self.credential, self.service_account) {
            (Some(credential), _) => credential,
            (None, Some(account)) => Credential::fetched(AccessTokens::new(&account, SCOPE, None)?),
            (None, None) => return Err(Error::config("fcm needs a service_account or a credential")),
        };
        let name = checked_name(self.name.unwrap_or_else(|| VENDOR.to_owned()))?;
        Ok(Fcm { name: name.into(), endpoint, relations, credential, web_actions: self.web_actions })
    }

    fn relations(&self) -> Result<Relations> {
        let base = self.base_url.as_deref().unwrap_or(IID_BASE_URL);
        let [add, remove] = ["/iid/v1:batchAdd", "/iid/v1:batchRemove"].map(|path| endpoint(base, path));
        Ok(Relations { add: add?, remove: remove? })
    }

    fn endpoint(&self) -> Result<Uri> {
        let of_account = || self.service_account.as_ref().and_then(|account| account.project_id.as_deref());
        let project = self.project_id.as_deref().or_else(of_account).unwrap_or_default();
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
        if project.is_empty() || !project.bytes().all(fits) {
            return Err(Error::config(
                "fcm needs the project_id of a Firebase project, such as my-app-1a2b3",
            ));
        }
        let base = self.base_url.as_deref().unwrap_or(BASE_URL);
        endpoint(base, &format!("/v1/projects/{project}/messages:send"))
    }
}

impl fmt::Debug for FcmConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FcmConfig")
            .field("name", &self.name)
            .field("project_id", &self.project_id)
            .field("service_account", &self.service_account)
            .field("base_url", &self.base_url.as_deref().map(shown_url))
            .field("web_actions", &self.web_actions)
            .field("credential", &self.credential)
            .finish()
    }
}
