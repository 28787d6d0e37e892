//! What descriptors of every process are: live events say so themselves, a file says it once, and then only numbers.
//!
//! A table belongs to a process, or to several that share it (`CLONE_FILES`). What fork copies is not copied until
//! one of both changes it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use eyrie_proto::event::{
    Descriptor, FileDescriptor, OtherDescriptor, SocketAddress, SocketDescriptor, descriptor::Kind,
};

/// Of all tables together, counted as if nothing were shared: more than a host with a million open descriptors has.
const MAX_BYTES: usize = 256 << 20;
/// What an entry takes besides its names.
const ENTRY_BYTES: usize = size_of::<Entry>() + 48;

/// What one descriptor is.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) is_close_on_exec: bool,
    /// Whom the last call on a socket was about.
    pub(crate) last_peer: Option<SocketAddress>,
    /// Of a descriptor of a process: which one.
    pub(crate) pid: u32,
}

type Entries = BTreeMap<i32, Arc<Entry>>;

#[derive(Debug, Default)]
struct Table {
    entries: Arc<Entries>,
    bytes: usize,
    /// How many processes have it.
    owners: u32,
}

/// The descriptors of all processes.
#[derive(Debug)]
pub(crate) struct Descriptors {
    tables: HashMap<u64, Table>,
    of_process: HashMap<u32, u64>,
    next_table: u64,
    bytes: usize,
    max_bytes: usize,
    refused: u64,
}

// === impl Entry ===

impl Entry {
    pub(crate) fn new(kind: Kind, is_close_on_exec: bool) -> Self {
        Self { kind, is_close_on_exec, last_peer: None, pid: 0 }
    }

    /// Neither file nor socket, by its name in `fd.type`.
    pub(crate) fn other(fd_type: &str, name: &[u8], inode: u64, is_close_on_exec: bool) -> Self {
        let other = OtherDescriptor { r#type: fd_type.to_owned(), name: name.to_vec(), inode };
        Self::new(Kind::Other(other), is_close_on_exec)
    }

    pub(crate) fn file(path: &[u8]) -> FileDescriptor {
        FileDescriptor { path: path.to_vec(), ..FileDescriptor::default() }
    }

    fn size(&self) -> usize {
        ENTRY_BYTES
            + match &self.kind {
                Kind::File(file) => file.path.len(),
                Kind::Other(other) => other.name.len() + other.r#type.len(),
                Kind::Socket(socket) => {
                    let length = |address: &Option<SocketAddress>| address.as_ref().map_or(0, address_size);
                    length(&socket.local) + length(&socket.remote) + length(&self.last_peer)
                }
            }
    }
}

fn address_size(address: &SocketAddress) -> usize {
    use eyrie_proto::event::socket_address::Kind;
    match &address.kind {
        Some(Kind::Internet(internet)) => internet.ip.len(),
        Some(Kind::Unix(path)) => path.len(),
        Some(Kind::Raw(raw)) => raw.len(),
        None => 0,
    }
}

// === impl Descriptors ===

impl Default for Descriptors {
    fn default() -> Self {
        Self::with_limit(MAX_BYTES)
    }
}

impl Descriptors {
    pub(crate) fn with_limit(max_bytes: usize) -> Self {
        Self {
            tables: HashMap::new(),
            of_process: HashMap::new(),
            next_table: 0,
            bytes: 0,
            max_bytes,
            refused: 0,
        }
    }

    /// How many entries and copies there was no room for.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    pub(crate) fn get(&self, pid: u32, fd: i32) -> Option<&Entry> {
        let table = self.tables.get(self.of_process.get(&pid)?)?;
        table.entries.get(&fd).map(|entry| &**entry)
    }

    pub(crate) fn socket(&self, pid: u32, fd: i32) -> Option<&SocketDescriptor> {
        match &self.get(pid, fd)?.kind {
            Kind::Socket(socket) => Some(socket),
            _ => None,
        }
    }

    /// The path of a directory, or of whatever file it is.
    pub(crate) fn path(&self, pid: u32, fd: i32) -> Option<&[u8]> {
        match &self.get(pid, fd)?.kind {
            Kind::File(file) => Some(&file.path),
            _ => None,
        }
    }

    /// As an event has it; without a kind if it is not known.
    pub(crate) fn describe(&self, pid: u32, fd: i32) -> Descriptor {
        Descriptor { fd, kind: self.get(pid, fd).map(|entry| entry.kind.clone()) }
    }

    pub(crate) fn insert(&mut self, pid: u32, fd: i32, entry: Entry) {
        self.insert_shared(pid, fd, Arc::new(entry));
    }

    /// Changes an entry, if there is one.
    pub(crate) fn update(&mut self, pid: u32, fd: i32, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.get(pid, fd) else { return };
        let mut entry = entry.clone();
        change(&mut entry);
        self.insert(pid, fd, entry);
    }

    /// The same description under another number: dup and its relatives.
    pub(crate) fn copy(&mut self, pid: u32, from: i32, to: i32, is_close_on_exec: bool) {
        let Some(entry) = self.get(pid, from) else {
            // What was there is gone all the same.
            return self.remove(pid, to);
        };
        self.insert(pid, to, Entry { is_close_on_exec, ..entry.clone() });
    }

    pub(crate) fn remove(&mut self, pid: u32, fd: i32) {
        self.retain_in(pid, fd, fd, |_| false);
    }

    /// Removes those between two numbers, both included, that are not to be kept.
    pub(crate) fn retain_in(&mut self, pid: u32, first: i32, last: i32, keep: impl Fn(&Entry) -> bool) {
        let Some(table) = self.of_process.get(&pid).and_then(|id| self.tables.get_mut(id)) else { return };
        if first > last {
            return;
        }
        let range = table.entries.range(first..=last);
        let gone: Vec<i32> = range.filter(|(_, entry)| !keep(entry)).map(|(fd, _)| *fd).collect();
        if gone.is_empty() {
            return;
        }
        let entries = Arc::make_mut(&mut table.entries);
        for entry in gone.iter().filter_map(|fd| entries.remove(fd)) {
            table.bytes = table.bytes.saturating_sub(entry.size());
            self.bytes = self.bytes.saturating_sub(entry.size());
        }
    }

    /// Marks those between two numbers to be closed by exec, or not to be.
    pub(crate) fn mark_in(&mut self, pid: u32, first: i32, last: i32, is_close_on_exec: bool) {
        let Some(table) = self.of_process.get(&pid).and_then(|id| self.tables.get_mut(id)) else { return };
        if first <= last {
            for (_, entry) in Arc::make_mut(&mut table.entries).range_mut(first..=last) {
                Arc::make_mut(entry).is_close_on_exec = is_close_on_exec;
            }
        }
    }

    /// A new process: it shares the table of its parent, or has a copy.
    pub(crate) fn fork(&mut self, parent: u32, child: u32, is_shared: bool) {
        self.end(child);
        let Some(id) = self.of_process.get(&parent).copied() else { return };
        if is_shared {
            self.join(child, id);
        } else {
            self.give_copy(child, id);
        }
    }

    /// The process has its descriptors for itself from now on.
    pub(crate) fn unshare(&mut self, pid: u32) {
        let Some(id) = self.of_process.get(&pid).copied() else { return };
        if self.tables.get(&id).is_some_and(|table| table.owners > 1) {
            self.end(pid);
            self.give_copy(pid, id);
        }
    }

    /// A program was executed: the table is the process's own, and what was to be closed is.
    pub(crate) fn exec(&mut self, pid: u32) {
        self.unshare(pid);
        self.retain_in(pid, i32::MIN, i32::MAX, |entry| !entry.is_close_on_exec);
    }

    /// The process is gone.
    pub(crate) fn end(&mut self, pid: u32) {
        let Some(id) = self.of_process.remove(&pid) else { return };
        let Some(table) = self.tables.get_mut(&id) else { return };
        table.owners = table.owners.saturating_sub(1);
        if table.owners == 0
            && let Some(table) = self.tables.remove(&id)
        {
            self.bytes = self.bytes.saturating_sub(table.bytes);
        }
    }

    /// Every descriptor of every process, for what can be said only when all are known.
    pub(crate) fn update_all(&mut self, change: impl Fn(&mut Entry)) {
        for table in self.tables.values_mut() {
            for entry in Arc::make_mut(&mut table.entries).values_mut() {
                change(Arc::make_mut(entry));
            }
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.tables.values().flat_map(|table| table.entries.values().map(|entry| &**entry))
    }

    fn join(&mut self, pid: u32, id: u64) {
        if let Some(table) = self.tables.get_mut(&id) {
            table.owners += 1;
            self.of_process.insert(pid, id);
        }
    }

    fn give_copy(&mut self, pid: u32, of: u64) {
        let Some(table) = self.tables.get(&of) else { return };
        let (entries, bytes) = (Arc::clone(&table.entries), table.bytes);
        if self.bytes.saturating_add(bytes) > self.max_bytes {
            self.refused += 1;
            return;
        }
        self.bytes += bytes;
        self.add_table(pid, Table { entries, bytes, owners: 1 });
    }

    fn add_table(&mut self, pid: u32, table: Table) -> u64 {
        self.next_table += 1;
        self.tables.insert(self.next_table, table);
        self.of_process.insert(pid, self.next_table);
        self.next_table
    }

    fn insert_shared(&mut self, pid: u32, fd: i32, entry: Arc<Entry>) {
        let id = match self.of_process.get(&pid) {
            Some(id) => *id,
            None => self.add_table(pid, Table { owners: 1, ..Table::default() }),
        };
        let Some(table) = self.tables.get_mut(&id) else { return };
        let size = entry.size();
        if self.bytes.saturating_add(size) > self.max_bytes {
            self.refused += 1;
            // Better nothing than what was there before.
            return self.remove(pid, fd);
        }
        let before = Arc::make_mut(&mut table.entries).insert(fd, entry).map_or(0, |entry| entry.size());
        table.bytes = (table.bytes + size).saturating_sub(before);
        self.bytes = (self.bytes + size).saturating_sub(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipe() -> Entry {
        Entry::other("pipe", b"", 1, false)
    }

    /// Scenario: a process opens, and is forked, without end; then everybody closes and ends. Guarantees: what there is no room for is counted and not
    /// there; what was given back can be used again.
    #[test]
    fn there_is_an_end_to_them() {
        let mut all = Descriptors::with_limit(10 * pipe().size());
        (0..12).for_each(|fd| all.insert(1, fd, pipe()));
        assert_eq!((all.get(1, 9).is_some(), all.get(1, 10).is_some(), all.refused()), (true, false, 2));
        // One that is replaced by what there is no room for is gone.
        all.insert(1, 0, Entry::other("pipe", &[0; 500], 1, false));
        assert!(all.get(1, 0).is_none());
        all.fork(1, 2, false);
        assert!(all.get(2, 1).is_none());
        all.fork(1, 3, true);
        assert!(all.get(3, 1).is_some());
        all.end(1);
        assert!(all.get(3, 1).is_some());
        all.retain_in(3, i32::MIN, i32::MAX, |_| false);
        assert_eq!(all.bytes, 0);
        all.end(3);
        assert_eq!((all.bytes, all.tables.len(), all.of_process.len()), (0, 0, 0));
    }

    /// Scenario: a table is copied by fork, and both sides change theirs. Guarantees: neither sees the other's changes; what is shared is, until one
    /// unshares it.
    #[test]
    fn copies_are_apart() {
        let mut all = Descriptors::default();
        all.insert(1, 3, pipe());
        all.fork(1, 2, false);
        all.remove(2, 3);
        all.insert(2, 4, pipe());
        assert_eq!(
            [(1, 3), (1, 4), (2, 3), (2, 4)].map(|(pid, fd)| all.get(pid, fd).is_some()),
            [true, false, false, true]
        );
        all.fork(1, 5, true);
        all.insert(5, 6, pipe());
        all.unshare(5);
        all.remove(1, 6);
        assert_eq!([(1, 6), (5, 6)].map(|(pid, fd)| all.get(pid, fd).is_some()), [false, true]);
    }
}
