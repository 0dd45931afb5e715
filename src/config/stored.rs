//! Configurations that live in storage, for each tenant and channel: made, listed, switched and removed
//! while the application runs.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ProviderConfig, keys::ConfigKeys, source::StoredSource};
use crate::{
    error::{Error, ErrorKind, Result},
    id::TenantId,
    message::Channel,
    providers::catalog::Role,
    storage::{Document, Documents, Expected},
};

/// How many are read at once.
const PAGE: usize = 100;

/// Providers' configurations in a store.
///
/// Secrets are encrypted with a key that the application holds; all else of a configuration is readable in the
/// database. What changes is in use within a few seconds, in every process, without a restart.
///
/// ```
/// use std::sync::Arc;
/// use tidings::{Channel, Messenger, TenantId, config::{ConfigKeys, ProviderConfig, StoredConfigs}, storage::MemoryStore};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let keys = ConfigKeys::new("2026", [7; 32])?; // 32 octets of your own, from a vault
/// let configs = StoredConfigs::new(Arc::new(MemoryStore::default()), keys);
/// let messenger = Messenger::builder().email_source(configs.source()).build()?;
///
/// let shop = TenantId::try_from("corner-shop")?;
/// # #[cfg(feature = "sendgrid")] {
/// let sendgrid = ProviderConfig::from_url("sendgrid://:SG.key@default?region=eu")?;
/// configs.put(&shop, Channel::Email, &sendgrid).await?;
/// configs.switch(&shop, Channel::Email, "sendgrid", false).await?;
/// # }
/// # let _ = messenger;
/// # Ok::<(), tidings::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct StoredConfigs {
    documents: Arc<dyn Documents>,
    keys: ConfigKeys,
}

/// What stands in the store.
#[derive(Serialize, Deserialize)]
struct Written {
    vendor: String,
    enabled: bool,
    /// The options that anyone may read.
    options: Map<String, Value>,
    /// The others, as encrypted JSON in base64, and by which key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<Sealed>,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    key: String,
    text: String,
}

impl StoredConfigs {
    /// Keeps configurations in `documents`, such as a store.
    pub fn new(documents: Arc<dyn Documents>, keys: ConfigKeys) -> Self {
        Self { documents, keys }
    }

    /// Creates or replaces the configuration of its name. It is built once, so that nothing is kept that cannot be used.
    ///
    /// # Errors
    /// Of kind `config` if it cannot be built or does not serve the channel, or `storage`.
    pub async fn put(&self, tenant: &TenantId, channel: Channel, config: &ProviderConfig) -> Result<()> {
        config.build()?;
        if !(ProviderConfig { enabled: true, ..config.clone() }).serves(channel) {
            return Err(Error::config(format!("{} does not serve the channel {channel}", config.name())));
        }
        let written = self.written(tenant, channel, config)?;
        self.write(tenant, channel, config.name(), &written, Expected::Anything).await
    }

    /// Those of a tenant's channel, in the order of their names.
    ///
    /// # Errors
    /// Of kind `storage`, or `config` if one cannot be decrypted.
    pub async fn list(&self, tenant: &TenantId, channel: Channel) -> Result<Vec<ProviderConfig>> {
        let mut configs = Vec::new();
        let (shelf, mut after) = (shelf(channel), None::<Arc<str>>);
        loop {
            let page = self.documents.documents(tenant, &shelf, after.as_deref(), PAGE).await?;
            for document in &page {
                configs.push(self.read(tenant, channel, document)?);
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(Arc::clone(&last.key)),
                _ => return Ok(configs),
            }
        }
    }

    /// Switches a configuration on or off.
    ///
    /// # Errors
    /// Of kind `not_found` if there is none of this name, `conflict` if it was changed meanwhile, or `storage`.
    pub async fn switch(&self, tenant: &TenantId, channel: Channel, name: &str, on: bool) -> Result<()> {
        let document = self.documents.document(tenant, &shelf(channel), name).await?;
        let document = document.ok_or_else(|| {
            let text =
                format!("no configuration {name:?} of the channel {channel}; `list` has those there are");
            Error::new(ErrorKind::NotFound, text)
        })?;
        let mut written = parsed(&document)?;
        written.enabled = on;
        self.write(tenant, channel, name, &written, Expected::Version(document.version)).await
    }

    /// Removes a configuration; false if there was none.
    ///
    /// # Errors
    /// Of kind `storage`.
    pub async fn remove(&self, tenant: &TenantId, channel: Channel, name: &str) -> Result<bool> {
        self.documents.remove_document(tenant, &shelf(channel), name, Expected::Anything).await
    }

    /// The source that a messenger asks: the tenant's enabled configurations in the order of their names, each taking
    /// over from the one before it; for a tenant without any, those of [`TenantId::DEFAULT`].
    pub fn source<M: Role>(&self) -> StoredSource<M> {
        StoredSource::new(self.clone())
    }

    /// The version of what is kept for a tenant's channel.
    pub(super) async fn version(&self, tenant: &TenantId, channel: Channel) -> Result<u64> {
        self.documents.shelf_version(tenant, &shelf(channel)).await
    }

    async fn write(
        &self,
        tenant: &TenantId,
        channel: Channel,
        name: &str,
        written: &Written,
        expected: Expected,
    ) -> Result<()> {
        let body = serde_json::to_vec(written).map_err(|_| Error::config("the options are no JSON"))?;
        let shelf = shelf(channel);
        let put = self.documents.put_document(tenant, &shelf, name, Bytes::from(body), expected);
        put.await.map(drop)
    }

    fn written(&self, tenant: &TenantId, channel: Channel, config: &ProviderConfig) -> Result<Written> {
        let schema = config.entry()?.schema;
        let is_open = |name: &str| schema.setting(name).is_some_and(|setting| !setting.is_secret());
        let (mut options, mut secrets) = (Map::new(), Map::new());
        for (name, value) in &config.options {
            let place = if is_open(name) { &mut options } else { &mut secrets };
            place.insert(name.clone(), value.clone());
        }
        let sealed = match secrets.is_empty() {
            true => None,
            false => Some(self.sealed(&place(tenant, channel, config.name()), &Value::Object(secrets))?),
        };
        Ok(Written { vendor: config.vendor.clone(), enabled: config.enabled, options, sealed })
    }

    fn sealed(&self, place: &str, secrets: &Value) -> Result<Sealed> {
        let (key, octets) = self.keys.seal(place, secrets.to_string().as_bytes())?;
        Ok(Sealed { key, text: STANDARD.encode(octets) })
    }

    fn read(&self, tenant: &TenantId, channel: Channel, document: &Document) -> Result<ProviderConfig> {
        let written = parsed(document)?;
        let mut config = ProviderConfig::new(written.vendor, written.options);
        config.enabled = written.enabled;
        if let Some(sealed) = written.sealed {
            let octets = STANDARD.decode(&sealed.text).map_err(|_| unreadable(&document.key))?;
            let open = self.keys.open(&sealed.key, &place(tenant, channel, &document.key), octets)?;
            let secrets: Map<String, Value> =
                serde_json::from_slice(&open).map_err(|_| unreadable(&document.key))?;
            config.options.extend(secrets);
        }
        Ok(config)
    }
}

impl fmt::Debug for StoredConfigs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredConfigs").field("keys", &self.keys).finish_non_exhaustive()
    }
}

fn shelf(channel: Channel) -> String {
    format!("providers/{channel}")
}

/// What is sealed for one place opens nowhere else: nobody gets at a secret by copying a row.
fn place(tenant: &TenantId, channel: Channel, name: &str) -> String {
    format!("{}\n{channel}\n{name}", tenant.as_str())
}

fn parsed(document: &Document) -> Result<Written> {
    serde_json::from_slice(&document.body).map_err(|_| unreadable(&document.key))
}

fn unreadable(name: &str) -> Error {
    Error::config(format!("the stored configuration {name:?} cannot be read; put it again"))
}
