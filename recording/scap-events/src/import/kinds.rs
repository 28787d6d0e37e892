//! What the end of a call becomes: the message that live capture makes of the same call, and what it does to what is known of
//! its process's descriptors, directories and ids.

mod descriptors;
mod files;
mod kernel;
mod processes;
mod sockets;
mod transfers;

pub(super) use self::{
    descriptors::anonymous_name,
    files::{DIRECTORY, device},
    processes::new_name,
};
use eyrie_proto::event::{Descriptor, GenericCall, PathArgument, event::Kind};
use host_model::paths::{normalise, relative_to};

use super::{
    calls::Message,
    descriptors::{Descriptors, Entry},
    parameters::Parameters,
    tasks::Process,
};

/// linux/fcntl.h
pub(super) const AT_FDCWD: i32 = -100;
/// O_CLOEXEC of asm-generic/fcntl.h, which SOCK_CLOEXEC, EFD_CLOEXEC and their like are as well.
pub(super) const CLOSE_ON_EXEC: u64 = 0o2_000_000;
/// Longest path that is kept: PATH_MAX of linux/limits.h.
const MAX_PATH: usize = 4096;

/// A call that has ended, but for fork and exec.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) parameters: Parameters<'a>,
    /// As rules name it.
    pub(super) name: &'static str,
    pub(super) result: i64,
    pub(super) pid: u32,
    pub(super) process: &'a mut Process,
    pub(super) descriptors: &'a mut Descriptors,
}

// === impl Call ===

impl Call<'_> {
    pub(super) fn kind(&mut self, message: Message) -> Kind {
        match message {
            Message::Open => Kind::Open(files::open(self)),
            Message::PathCall => Kind::PathCall(files::path_call(self)),
            Message::TwoPathCall => Kind::TwoPathCall(files::two_path_call(self)),
            Message::ChangeDirectory => Kind::ChangeDirectory(files::change_directory(self)),
            Message::ChangeRoot => Kind::ChangeRoot(files::change_root(self)),
            Message::Close => Kind::DescriptorCall(descriptors::close(self)),
            Message::CloseRange => Kind::DescriptorCall(descriptors::close_range(self)),
            Message::Copy => Kind::DescriptorCall(descriptors::copy(self)),
            Message::Control => Kind::DescriptorCall(descriptors::control(self)),
            Message::Maker("bpf" | "userfaultfd" | "io_uring") => Kind::KernelCall(kernel::maker(self)),
            Message::Maker(fd_type) => Kind::DescriptorCall(descriptors::maker(self, fd_type)),
            Message::Pipe => Kind::DescriptorCall(descriptors::pipe(self)),
            Message::DescriptorCall => Kind::DescriptorCall(descriptors::plain(self)),
            Message::Send => Kind::Transfer(transfers::send(self)),
            Message::Receive => Kind::Transfer(transfers::receive(self)),
            Message::Transfer => Kind::Transfer(transfers::transfer(self)),
            Message::SocketCreate => Kind::SocketCreate(sockets::create(self)),
            Message::SocketPair => Kind::SocketCreate(sockets::pair(self)),
            Message::Connect => Kind::Connect(sockets::connect(self)),
            Message::Accept => Kind::Accept(sockets::accept(self)),
            Message::Bind => Kind::Bind(sockets::bind(self)),
            Message::Listen => Kind::Bind(sockets::listen(self)),
            Message::SocketOption => Kind::SocketOption(sockets::option(self)),
            Message::ChangeCredentials => Kind::ChangeCredentials(processes::change_credentials(self)),
            Message::ChangeCapabilities => Kind::ChangeCredentials(processes::change_capabilities(self)),
            Message::SetSession => Kind::ChangeSession(processes::set_session(self)),
            Message::ChangeSession => Kind::ChangeSession(processes::change_session(self)),
            Message::ProcessControl => Kind::ProcessControl(processes::control(self)),
            Message::ChangeNamespace => Kind::ChangeNamespace(processes::change_namespace(self)),
            Message::ResourceLimit => Kind::ResourceLimit(processes::limit(self)),
            Message::ProcessAccess => Kind::ProcessAccess(processes::access(self)),
            Message::Signal => Kind::Signal(processes::signal(self)),
            Message::MemoryCall => Kind::MemoryCall(kernel::memory_call(self)),
            Message::ModuleCall => Kind::ModuleCall(kernel::module_call(self)),
            Message::KernelCall => Kind::KernelCall(kernel::kernel_call(self)),
            // Those two are told by who begins and ends processes.
            Message::Generic | Message::Fork | Message::Exec => Kind::GenericCall(kernel::generic(self)),
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.result < 0
    }

    /// A descriptor that the call was given, by the name of the parameter.
    fn given(&self, name: &str) -> Option<Descriptor> {
        let fd = self.parameters.fd(name)?;
        Some(self.descriptors.describe(self.pid, fd))
    }

    /// What the call made, or could not make: then the error is its number.
    fn made(&self) -> Descriptor {
        let fd = i32::try_from(self.result).unwrap_or(i32::MIN);
        if self.has_failed() {
            Descriptor { fd, kind: None }
        } else {
            self.descriptors.describe(self.pid, fd)
        }
    }

    /// Remembers what the call made, and tells it.
    fn make(&mut self, entry: Entry) -> Descriptor {
        if let (false, Ok(fd)) = (self.has_failed(), i32::try_from(self.result)) {
            self.descriptors.insert(self.pid, fd, entry);
        }
        self.made()
    }

    /// A path with what it starts at; `None` where the program gave none.
    fn path(&self, name: &str, directory: &str) -> Option<PathArgument> {
        // What was given before the call began is what counts: the program may have changed it since.
        let requested = self.parameters.text_of_enter(name).or_else(|| self.parameters.text(name));
        let Some(requested) = requested else {
            let is_unreadable = self.parameters.bytes(name).is_some();
            return is_unreadable.then(|| PathArgument {
                directory_fd: AT_FDCWD,
                is_unreadable,
                ..PathArgument::default()
            });
        };
        let fd = self.parameters.number_of_enter(directory).or_else(|| self.parameters.number(directory));
        let directory_fd = fd.map_or(AT_FDCWD, |fd| fd as i32);
        let base = if requested.starts_with(b"/") { &[] } else { self.directory(directory_fd) };
        Some(PathArgument {
            requested: requested.to_vec(),
            directory_fd,
            base: base.to_vec(),
            ..PathArgument::default()
        })
    }

    /// Where a relative path starts; empty if that is not known.
    fn directory(&self, fd: i32) -> &[u8] {
        match fd {
            AT_FDCWD => &self.process.working_directory,
            fd => self.descriptors.path(self.pid, fd).unwrap_or_default(),
        }
    }

    /// The flags, in the kernel's numbering; none if there are none.
    fn flags(&self) -> u64 {
        self.parameters.kernel("flags").unwrap_or(0)
    }
}

/// A path by its text: absolute where its base is known, and without `.`, `..` and repeated slashes.
pub(super) fn meant(path: &PathArgument) -> Vec<u8> {
    clipped(&relative_to(&path.base, &path.requested)).to_vec()
}

/// A directory of a file, which ends in no slash with us.
pub(super) fn directory(path: &[u8]) -> Vec<u8> {
    clipped(&normalise(path)).to_vec()
}

fn clipped(path: &[u8]) -> &[u8] {
    path.get(..MAX_PATH).unwrap_or(path)
}

/// A call of which nothing but the registers would be told, in their places as far as the event has them.
fn registers(values: impl IntoIterator<Item = (usize, Option<i64>)>) -> GenericCall {
    let mut arguments = Vec::new();
    for (place, value) in values {
        let Some(value) = value else { continue };
        if arguments.len() <= place {
            arguments.resize(place + 1, 0);
        }
        if let Some(argument) = arguments.get_mut(place) {
            *argument = value.cast_unsigned();
        }
    }
    GenericCall { arguments }
}
