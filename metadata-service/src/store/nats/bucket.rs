//! One connection to the bucket.

use std::{collections::VecDeque, future::IntoFuture as _, time::Duration};

use async_nats::{
    Client, ConnectOptions,
    connection::State,
    jetstream::{
        self, Context,
        context::PublishErrorKind,
        message::PublishMessage,
        stream::{self, LastRawMessageErrorKind, StorageType, Stream},
    },
};
use prost::Message as _;

use super::{
    config::{NatsConfig, NatsStorage},
    value::{ENVELOPE_BYTES, HORIZON_KEY, HorizonValue},
};
use crate::{
    record::MAX_ENTITY_BYTES,
    store::{StoreError, sqlite::Put},
};

/// How long a connection may take to be made.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// How long an answer of JetStream may take.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Puts that are under way at a time.
const WINDOW: usize = 512;
/// The least that an entity must be able to have: one fact of the largest kind, and what was known before.
const MIN_ENTITY_BYTES: usize = 640 * 1024;
const OPERATION: &str = "KV-Operation";

/// A bucket that is connected.
#[derive(Clone, Debug)]
pub(super) struct Link {
    name: String,
    prefix: String,
    context: Context,
    pub(super) client: Client,
    pub(super) stream: Stream<()>,
    /// What revisions are counted from: when it was made, in microseconds.
    pub(super) base: u64,
    /// Bytes that an entity may have.
    pub(super) max_entity_bytes: usize,
}

/// How a bucket is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Status {
    pub(super) base: u64,
    pub(super) last_sequence: u64,
    pub(super) messages: u64,
}

/// What became of puts.
#[derive(Debug, Default)]
pub(super) struct Acks {
    pub(super) last_sequence: u64,
    /// The first key that somebody else had put, with what was expected of it.
    pub(super) conflict: Option<(String, u64)>,
    pub(super) conflicts: u64,
    pub(super) acked: u64,
}

// === impl Link ===

impl Link {
    /// Connects, makes the bucket if there is none, and sees whether it can be used.
    pub(super) async fn connect(config: &NatsConfig) -> Result<Self, StoreError> {
        let away = |detail: String| StoreError::BucketAway { bucket: config.bucket.clone(), detail };
        let mut options = ConnectOptions::new()
            .name("eyrie-metadata")
            .connection_timeout(CONNECT_WAIT)
            .request_timeout(Some(ANSWER_WAIT))
            // Whoever follows connects anew: what was missed has to be looked for.
            .max_reconnects(1);
        if let Some(path) = &config.credentials {
            options = options.credentials_file(path).await.map_err(|error| StoreError::BucketUnfit {
                bucket: config.bucket.clone(),
                detail: format!("the credentials {} cannot be read ({error})", path.display()),
            })?;
        }
        if let Some(path) = &config.tls_ca {
            options = options.add_root_certificates(path.clone()).require_tls(true);
        }
        if let Some((certificate, key)) = &config.tls_identity {
            options = options.add_client_certificate(certificate.clone(), key.clone()).require_tls(true);
        }
        let connecting = options.connect(config.servers.addresses());
        let client = match tokio::time::timeout(2 * CONNECT_WAIT, connecting).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(away(error.to_string())),
            Err(_) => return Err(away(format!("{} does not answer", config.servers))),
        };
        let max_payload = client.server_info().max_payload;
        let max_entity_bytes = MAX_ENTITY_BYTES.min(max_payload.saturating_sub(ENVELOPE_BYTES));
        if max_entity_bytes < MIN_ENTITY_BYTES {
            return Err(StoreError::BucketUnfit {
                bucket: config.bucket.clone(),
                detail: format!(
                    "NATS takes messages of {max_payload} bytes: set its max_payload to {} or more",
                    MIN_ENTITY_BYTES + ENVELOPE_BYTES
                ),
            });
        }
        let mut context = jetstream::new(client.clone());
        context.set_timeout(ANSWER_WAIT);
        let (stream, base) = open(&context, config).await?;
        Ok(Self {
            name: config.bucket.clone(),
            prefix: format!("$KV.{}.", config.bucket),
            context,
            client,
            stream,
            base,
            max_entity_bytes,
        })
    }

    pub(super) fn away(&self, detail: impl std::fmt::Display) -> StoreError {
        StoreError::BucketAway { bucket: self.name.clone(), detail: detail.to_string() }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// The key that a subject is of.
    pub(super) fn key_of<'a>(&self, subject: &'a str) -> Option<&'a str> {
        subject.strip_prefix(&self.prefix)
    }

    pub(super) async fn status(&self) -> Result<Status, StoreError> {
        let info = self.stream.get_info().await.map_err(|error| self.away(error))?;
        let base = base_of(&info);
        Ok(Status { base, last_sequence: info.state.last_sequence, messages: info.state.messages })
    }

    /// How far markers are gone, and the number of the put that said so.
    pub(super) async fn horizon(&self) -> Result<(HorizonValue, u64), StoreError> {
        let subject = format!("{}{HORIZON_KEY}", self.prefix);
        match self.stream.get_last_raw_message_by_subject(&subject).await {
            Ok(message) => Ok((HorizonValue::decode(message.payload).unwrap_or_default(), message.sequence)),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                Ok((HorizonValue::default(), 0))
            }
            Err(error) => Err(self.away(error)),
        }
    }

    /// Puts something that changes nothing: its sequence number is above all that anybody has read. If another replica is
    /// first, its put is as good.
    pub(super) async fn touch(&self) -> Result<(), StoreError> {
        let (horizon, expected) = self.horizon().await?;
        let (key, value) = (HORIZON_KEY.to_owned(), Some(horizon.encode_to_vec()));
        self.put(&[Put { key, expected, value }]).await.map(drop)
    }

    /// Puts keys, many at a time; every one is waited for.
    pub(super) async fn put(&self, puts: &[Put]) -> Result<Acks, StoreError> {
        let (mut acks, mut waiting) = (Acks::default(), VecDeque::with_capacity(WINDOW));
        for put in puts {
            if waiting.len() >= WINDOW
                && let Some((put, sent)) = waiting.pop_front()
            {
                self.take(&mut acks, put, sent).await?;
            }
            let message = PublishMessage::build().expected_last_subject_sequence(put.expected);
            let message = match &put.value {
                Some(value) => message.payload(value.clone().into()),
                None => message.header(OPERATION, "DEL"),
            };
            let subject = format!("{}{}", self.prefix, put.key);
            let sent = self.context.send_publish(subject, message).await;
            waiting.push_back((put, sent.map_err(|error| self.away(error))?));
        }
        for (put, sent) in waiting {
            self.take(&mut acks, put, sent).await?;
        }
        Ok(acks)
    }

    async fn take(
        &self,
        acks: &mut Acks,
        put: &Put,
        sent: jetstream::context::PublishAckFuture,
    ) -> Result<(), StoreError> {
        match sent.into_future().await {
            Ok(ack) => {
                acks.last_sequence = acks.last_sequence.max(ack.sequence);
                acks.acked += 1;
                Ok(())
            }
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => {
                acks.conflicts += 1;
                acks.conflict.get_or_insert_with(|| (put.key.clone(), put.expected));
                Ok(())
            }
            Err(error) => Err(self.away(error)),
        }
    }

    /// Clears a key away, up to its marker.
    pub(super) async fn clear(&self, key: &str, marker: u64) -> Result<(), StoreError> {
        let purge = self.stream.purge().filter(format!("{}{key}", self.prefix));
        purge.sequence(marker.saturating_add(1)).await.map(drop).map_err(|error| self.away(error))
    }
}

/// Whether a message removes its key.
pub(super) fn is_removal(message: &async_nats::Message) -> bool {
    let operation = message.headers.as_ref().and_then(|headers| headers.get(OPERATION));
    operation.is_some_and(|operation| matches!(operation.as_str(), "DEL" | "PURGE"))
}

/// The stream of the bucket, which is made if there is none.
async fn open(context: &Context, config: &NatsConfig) -> Result<(Stream<()>, u64), StoreError> {
    let away = |detail: String| StoreError::BucketAway { bucket: config.bucket.clone(), detail };
    let name = format!("KV_{}", config.bucket);
    let found = match context.get_stream(&name).await {
        Ok(stream) => stream,
        Err(error) if is_not_found(&error) => {
            tracing::info!(bucket = %config.bucket, replicas = config.replicas, "there is no such bucket: making it");
            let made = context.create_stream(settings(config)).await;
            // If it was not, another replica may have been first.
            let unmade = made.err().map(|error| error.to_string());
            let found = context.get_stream(&name).await;
            found.map_err(|error| away(unmade.unwrap_or_else(|| error.to_string())))?
        }
        Err(error) => return Err(away(error.to_string())),
    };
    check(config, &found.cached_info().config)?;
    let base = base_of(found.cached_info());
    let stream = context.get_stream_no_info(&name).await.map_err(|error| away(error.to_string()))?;
    Ok((stream, base))
}

fn is_not_found(error: &jetstream::context::GetStreamError) -> bool {
    matches!(error.kind(), jetstream::context::GetStreamErrorKind::JetStream(error)
        if error.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND)
}

/// What makes a stream a bucket of keys and values, for all of NATS's tools. Made as a stream: the client's own way to make a
/// bucket asks for the account first, which it cannot read of servers before 2.10.
fn settings(config: &NatsConfig) -> stream::Config {
    stream::Config {
        name: format!("KV_{}", config.bucket),
        subjects: vec![format!("$KV.{}.>", config.bucket)],
        description: Some("Metadata of Eyrie".to_owned()),
        max_messages_per_subject: 1,
        storage: storage(config.storage),
        num_replicas: config.replicas.into(),
        discard: stream::DiscardPolicy::New,
        allow_rollup: true,
        allow_direct: true,
        deny_delete: true,
        ..stream::Config::default()
    }
}

fn storage(storage: NatsStorage) -> StorageType {
    match storage {
        NatsStorage::File => StorageType::File,
        NatsStorage::Memory => StorageType::Memory,
    }
}

/// What cannot be used is refused; what is only otherwise than it was asked for is said.
fn check(config: &NatsConfig, found: &stream::Config) -> Result<(), StoreError> {
    let unfit = |detail: &str| StoreError::BucketUnfit {
        bucket: config.bucket.clone(),
        detail: format!("{detail}; let this service make it, or set it so"),
    };
    if found.max_messages_per_subject != 1 {
        return Err(unfit("it keeps a history, and must keep 1 value of each key"));
    }
    if !found.max_age.is_zero() {
        return Err(unfit("its values expire, and must not"));
    }
    if found.storage != storage(config.storage) || found.num_replicas != usize::from(config.replicas) {
        tracing::warn!(
            bucket = %config.bucket, storage = ?found.storage, replicas = found.num_replicas,
            "the bucket is kept otherwise than --nats-storage and --nats-replicas say, which count when it is made"
        );
    }
    Ok(())
}

fn base_of(info: &stream::Info) -> u64 {
    u64::try_from(info.created.unix_timestamp_nanos() / 1_000).unwrap_or(1)
}
