//! Pages of what is known, for views.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use eyrie_proto::metadata::{ListFilter, ListKind, ListRequest, ListResponse};
use grpc_transport::AuthenticatedPeer;
use prost::Message as _;

use crate::{
    error::RpcError,
    keys::{check_length, scope_of},
    permitted,
    record::RecordKind,
    store::{ImagePattern, Listing, Page, PagePosition},
};

/// Entities of a page, of some 2 KiB each; pages end at 2 MiB in any case.
const MAX_PAGE: usize = 500;
/// Origins and hosts of one filter.
const MAX_NAMED: usize = 1_024;
/// Bytes of an image's name: a registry, a repository and a tag have up to 255 and 128.
const MAX_IMAGE_BYTES: usize = 512;
/// A position's bytes in base64: an id of 256 bytes and two numbers.
const MAX_TOKEN_BYTES: usize = 512;

/// Reads a request, held to what the peer may see.
pub(crate) fn check(peer: &AuthenticatedPeer, request: ListRequest) -> Result<Listing, RpcError> {
    let kind = match request.kind() {
        ListKind::Containers => RecordKind::Container,
        ListKind::Hosts => RecordKind::Host,
        ListKind::KubernetesObjects => RecordKind::Kubernetes,
        ListKind::Unspecified => {
            return Err(invalid("kind", format!("{} is none: name one that this service has", request.kind)));
        }
    };
    let filter = request.filter.unwrap_or_default();
    let tenants = permitted::list(peer, kind, &filter)?;
    check_filter(&filter)?;
    let origins = filter
        .origins
        .iter()
        .enumerate()
        .map(|(index, origin)| {
            scope_of(Some(origin))
                .map_err(|error| invalid("filter.origins", format!("of origins[{index}], {error}")))
        })
        .collect::<Result<std::collections::HashSet<_>, _>>()?;
    Ok(Listing {
        kind,
        tenants,
        origins: (!origins.is_empty()).then_some(origins),
        hosts: filter.hosts.iter().cloned().collect(),
        image: image(&filter.image)?,
        id_prefix: filter.id_prefix,
        name: filter.name,
        namespace: filter.namespace,
        object_kind: filter.object_kind,
        is_ended_wanted: filter.include_ended,
        as_of_epoch_ns: filter.as_of_epoch_ns,
        after: position(&request.page_token)?,
        limit: match usize::try_from(request.page_size) {
            Ok(size @ 1..MAX_PAGE) => size,
            _ => MAX_PAGE,
        },
    })
}

/// The page for the client, with what may be missing of it.
pub(crate) fn response(page: Page) -> ListResponse {
    let mut notes = Vec::new();
    if page.undated > 0 {
        notes.push(format!(
            "{} are left out: when their hosts booted is not known, so that they have no place in time",
            page.undated
        ));
    }
    if page.forgotten_entities > 0 {
        notes.push(format!(
            "{} had to be forgotten for want of room: raise --max-entities-per-scope or --max-entities",
            page.forgotten_entities
        ));
    }
    if page.forgotten_until_epoch_ns > 0 {
        notes.push(
            "what had ended by then may be forgotten already: raise --tombstone-retention-secs to keep it longer"
                .to_owned(),
        );
    }
    let token = |position: PagePosition| URL_SAFE_NO_PAD.encode(position.encode_to_vec());
    ListResponse { entities: page.entities, next_page_token: page.next.map(token).unwrap_or_default(), notes }
}

fn check_filter(filter: &ListFilter) -> Result<(), RpcError> {
    for (found, what) in [(filter.origins.len(), "origins"), (filter.hosts.len(), "hosts")] {
        if found > MAX_NAMED {
            return Err(RpcError::TooManyInMessage { found, limit: MAX_NAMED, what });
        }
    }
    let named = [
        ("filter.id_prefix", &filter.id_prefix),
        ("filter.name", &filter.name),
        ("filter.namespace", &filter.namespace),
        ("filter.object_kind", &filter.object_kind),
    ];
    let hosts = filter.hosts.iter().map(|host| ("filter.hosts", host));
    for (field, text) in named.into_iter().chain(hosts) {
        check_length("text", text).map_err(|error| invalid(field, error.to_string()))?;
    }
    Ok(())
}

fn image(text: &str) -> Result<Option<ImagePattern>, RpcError> {
    if text.is_empty() {
        return Ok(None);
    }
    let problem = || "it names no image: write REPOSITORY or REPOSITORY:TAG".to_owned();
    let pattern = ImagePattern::new(text).filter(|_| text.len() <= MAX_IMAGE_BYTES);
    pattern.map(Some).ok_or_else(|| invalid("filter.image", problem()))
}

fn position(token: &str) -> Result<Option<PagePosition>, RpcError> {
    if token.is_empty() {
        return Ok(None);
    }
    let bytes = (token.len() <= MAX_TOKEN_BYTES).then(|| URL_SAFE_NO_PAD.decode(token).ok()).flatten();
    let position = bytes.and_then(|bytes| PagePosition::decode(&*bytes).ok());
    position.map(Some).ok_or_else(|| {
        invalid("page_token", "it is none of this service's: begin again without one".to_owned())
    })
}

fn invalid(field: &'static str, detail: String) -> RpcError {
    RpcError::ListInvalid { field, detail }
}
