//! Pages of listings: the origins in their order, and of each the entities that an index has in theirs.
//!
//! A page looks at a bounded number of origins and rows and holds a bounded number of bytes; where one of them is reached it ends, whether it
//! is full or not.

use eyrie_proto::metadata::ListedEntity;
use prost::Message as _;
use rusqlite::{Connection, Row, Transaction, params};

use super::{
    Fault,
    entities::{self, ScopeRow, Stored},
    join::Joiner,
};
use crate::{
    record::{Record, RecordKind, is_valid_at},
    store::{Listing, Page, PagePosition, Scope},
};

/// Bytes of a page's entities after which none is added. One entity has up to 1 MiB, a client takes 4 MiB.
const MAX_PAGE_BYTES: usize = 2 * 1024 * 1024;
/// Rows that are decoded for one page, of some 5 µs each.
const MAX_ROWS: usize = 4_096;
/// Origins that are looked at for one page, of some 10 µs each.
const MAX_SCOPES: usize = 4_096;
/// Above every id that begins with what it is appended to.
const LAST: char = char::MAX;

/// An origin or cluster that is looked at, with what of its host dates and names its entities.
struct Place {
    row: ScopeRow,
    hostname: String,
    booted_epoch_ns: u64,
    /// Whether the two above have been read: of most origins of a fleet nothing is picked.
    is_host_read: bool,
}

/// Room that is left on a page.
struct Room {
    rows: usize,
    bytes: usize,
}

/// The next page.
pub(super) fn page(connection: &mut Connection, listing: &Listing) -> Result<Page, Fault> {
    let transaction = connection.transaction()?;
    let (mut page, mut room) = (Page::default(), Room { rows: MAX_ROWS, bytes: MAX_PAGE_BYTES });
    let mut after = listing.after.clone();
    let from = after.as_ref().map_or(0, |position| position.scope);
    let mut scopes = transaction.prepare_cached(
        "SELECT id, name, forgotten_entities, forgotten_until_ns FROM scope WHERE kind = ?1 AND id >= ?2
         ORDER BY id LIMIT ?3",
    )?;
    let mut rows = scopes.query(params![scope_kind(listing.kind), from, MAX_SCOPES as i64])?;
    let mut looked_at = 0_usize;
    while let Some(row) = rows.next()? {
        looked_at += 1;
        let name: String = row.get(1)?;
        let id = row.get(0)?;
        let row = ScopeRow { id, forgotten_entities: row.get(2)?, forgotten_until_ns: row.get(3)? };
        // What was told of this origin is before the position; of the next ones nothing was.
        let begin = after.take().filter(|position| position.scope == id);
        if let Some(mut place) = Place::of(&transaction, listing, row, &name)? {
            place.note_forgotten(listing, &mut page);
            if let Some(next) = place.fill(&transaction, listing, begin, &mut page, &mut room)? {
                page.next = Some(next);
                return Ok(page);
            }
        }
        page.next = Some(PagePosition { scope: id.saturating_add(1), ..PagePosition::default() });
    }
    if looked_at < MAX_SCOPES {
        page.next = None;
    }
    Ok(page)
}

fn scope_kind(kind: RecordKind) -> i64 {
    let name = String::new();
    match kind {
        RecordKind::Container | RecordKind::Host => Scope::Origin(name).kind_number(),
        RecordKind::Kubernetes => Scope::Cluster(name).kind_number(),
    }
}

// === impl Place ===

impl Place {
    /// The origin, if its entities may be listed.
    fn of(
        transaction: &Transaction<'_>,
        listing: &Listing,
        row: ScopeRow,
        name: &str,
    ) -> Result<Option<Self>, Fault> {
        let mut parts = name.split('/');
        let is_cluster = listing.kind == RecordKind::Kubernetes;
        let tenant = if is_cluster { "" } else { parts.next().unwrap_or_default() };
        let is_of_tenant = listing.tenants.as_ref().is_none_or(|tenants| tenants.contains(tenant));
        let is_of_origin = listing.origins.as_ref().is_none_or(|origins| origins.contains(name));
        if !is_of_tenant || !is_of_origin {
            return Ok(None);
        }
        let mut place = Self { row, hostname: String::new(), booted_epoch_ns: 0, is_host_read: false };
        if !listing.hosts.is_empty() || listing.as_of_epoch_ns != 0 {
            place.read_host(transaction)?;
        }
        let is_named = |name: &str| listing.hosts.contains(name);
        // Behind the tenant: what kind of origin it is, then its ids.
        let is_of_host = listing.hosts.is_empty() || is_named(&place.hostname) || parts.skip(1).any(is_named);
        Ok(is_of_host.then_some(place))
    }

    /// Reads what of the host dates and names its entities, once.
    fn read_host(&mut self, transaction: &Transaction<'_>) -> Result<(), Fault> {
        if !std::mem::replace(&mut self.is_host_read, true) {
            let host = entities::by_object(transaction, self.row.id, RecordKind::Host, "")?;
            if let Some(Record::Host(stored)) = host.map(|stored| stored.record) {
                let host = stored.host.unwrap_or_default();
                (self.hostname, self.booted_epoch_ns) = (host.hostname, host.booted_epoch_ns);
            }
        }
        Ok(())
    }

    /// Adds what is picked of this origin; where to go on if the page has no room for all.
    fn fill(
        &mut self,
        transaction: &Transaction<'_>,
        listing: &Listing,
        begin: Option<PagePosition>,
        page: &mut Page,
        room: &mut Room,
    ) -> Result<Option<PagePosition>, Fault> {
        let begin = begin.unwrap_or_else(|| PagePosition { scope: self.row.id, ..PagePosition::default() });
        let mut told = begin.clone();
        // What is behind the position may begin with the prefix, or still be before it.
        let (object_id, revision) = match begin.object_id < listing.id_prefix {
            true => (listing.id_prefix.clone(), 0),
            false => (begin.object_id, begin.revision),
        };
        let mut joiner = Joiner::new(transaction);
        let mut select = transaction.prepare_cached(&query(listing))?;
        let mut rows = select.query(params![
            self.row.id,
            listing.kind as i64,
            object_id,
            revision,
            format!("{}{LAST}", listing.id_prefix),
            listing.is_ended_wanted || listing.as_of_epoch_ns != 0,
            listing.name,
            listing.image.as_ref().map_or("", |image| image.name()),
            listing.namespace,
        ])?;
        while let Some(row) = rows.next()? {
            if page.entities.len() >= listing.limit || room.rows == 0 {
                return Ok(Some(told));
            }
            room.rows -= 1;
            self.read_host(transaction)?;
            let (mut stored, object_id) = read(row)?;
            let revision = stored.revision;
            if is_picked(&stored.record, listing) {
                joiner.join(&mut stored, row.get(4)?)?;
                let Some(entity) = self.listed(stored, listing.as_of_epoch_ns, page) else {
                    told = PagePosition { scope: self.row.id, object_id, revision };
                    continue;
                };
                let size = entity.encoded_len();
                if size > room.bytes && !page.entities.is_empty() {
                    return Ok(Some(told));
                }
                room.bytes = room.bytes.saturating_sub(size);
                page.entities.push(entity);
            }
            told = PagePosition { scope: self.row.id, object_id, revision };
        }
        Ok(None)
    }

    /// The entity, if it was so at the moment; 0 asks for whenever.
    fn listed(&self, stored: Stored, as_of_epoch_ns: u64, page: &mut Page) -> Option<ListedEntity> {
        let validity = stored.record.validity();
        let zero_ns = self.boot_clock_zero_ns(&stored.record);
        if as_of_epoch_ns != 0 {
            let Some(zero_ns) = zero_ns else {
                page.undated = page.undated.saturating_add(1);
                return None;
            };
            let as_of_ns = as_of_epoch_ns.checked_sub(zero_ns).filter(|as_of_ns| *as_of_ns != 0)?;
            if !is_valid_at(validity, as_of_ns) {
                return None;
            }
        }
        let epoch_ns = |ns: u64| match (ns, zero_ns) {
            (0, _) | (_, None) => 0,
            (ns, Some(zero_ns)) => zero_ns.saturating_add(ns),
        };
        let version = stored.revision.max(0).cast_unsigned();
        Some(ListedEntity {
            field_sources: stored.record.field_sources(),
            hostname: self.hostname.clone(),
            from_epoch_ns: epoch_ns(validity.from_ns),
            until_epoch_ns: epoch_ns(validity.until_ns),
            entity: Some(stored.record.into_entity(version)),
        })
    }

    /// When the clock of a record's validity was 0, in nanoseconds since the epoch.
    fn boot_clock_zero_ns(&self, record: &Record) -> Option<u64> {
        match record {
            Record::Kubernetes(_) => Some(0),
            _ if self.booted_epoch_ns != 0 => Some(self.booted_epoch_ns),
            // Its host has not been told of, and the same moment is known of both clocks.
            Record::Container(stored) => {
                let container = stored.container.as_ref()?;
                let from_ns = container.validity?.from_ns;
                let are_known = from_ns != 0 && container.started_ns != 0;
                are_known.then(|| container.started_ns.checked_sub(from_ns)).flatten()
            }
            Record::Host(_) => None,
        }
    }

    /// Counts what is not there any more of this origin.
    fn note_forgotten(&self, listing: &Listing, page: &mut Page) {
        let forgotten = self.row.forgotten_entities.max(0).cast_unsigned();
        page.forgotten_entities = page.forgotten_entities.saturating_add(forgotten);
        let until_ns = self.row.forgotten_until_ns.max(0).cast_unsigned();
        let until_epoch_ns = self.booted_epoch_ns.saturating_add(until_ns);
        let is_asked = listing.as_of_epoch_ns != 0 && listing.as_of_epoch_ns < until_epoch_ns;
        if until_ns != 0 && self.booted_epoch_ns != 0 && is_asked {
            page.forgotten_until_epoch_ns = page.forgotten_until_epoch_ns.max(until_epoch_ns);
        }
    }
}

/// Reads by the index that is likely to leave the fewest rows. Each has its rows in the order of the listing, so that none is sorted.
pub(super) fn query(listing: &Listing) -> String {
    let (index, is_indexed) = if !listing.id_prefix.is_empty() {
        ("entity_by_object", "1")
    } else if !listing.name.is_empty() {
        ("entity_by_name", "name = ?7 AND name != ''")
    } else if listing.image.is_some() {
        ("entity_by_image", "image_name = ?8 AND image_name != ''")
    } else if !listing.namespace.is_empty() {
        ("entity_by_namespace", "namespace = ?9 AND namespace != ''")
    } else {
        ("entity_by_object", "1")
    };
    format!(
        "SELECT revision, kind, object_id, body, join_by_ms IS NOT NULL FROM entity INDEXED BY {index}
         WHERE scope = ?1 AND kind = ?2 AND {is_indexed}
         AND (object_id, revision) > (?3, ?4) AND object_id < ?5 AND (?6 OR ended_ms IS NULL)
         AND (?7 = '' OR name = ?7) AND (?8 = '' OR image_name = ?8) AND (?9 = '' OR namespace = ?9)
         ORDER BY object_id, revision"
    )
}

fn read(row: &Row<'_>) -> Result<(Stored, String), Fault> {
    let body = row.get_ref(3)?.as_blob().map_err(|error| Fault::undecodable(error.to_string()))?;
    Ok((entities::decode(row.get(0)?, row.get(1)?, body)?, row.get(2)?))
}

/// What no column tells.
fn is_picked(record: &Record, listing: &Listing) -> bool {
    match record {
        Record::Container(stored) => {
            let image = stored.container.as_ref().and_then(|container| container.image.as_ref());
            listing.image.as_ref().is_none_or(|pattern| image.is_some_and(|image| pattern.matches(image)))
        }
        Record::Kubernetes(object) => listing.object_kind.is_empty() || listing.object_kind == object.kind,
        Record::Host(_) => true,
    }
}
