//! Tiny programs made by hand, for tests: system calls, each with exactly these arguments, without `unsafe`; and 32-bit
//! ones without a 32-bit compiler.
//!
//! Only tests use it: whatever goes wrong is a panic.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a crate of tests")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

/// Where the program is loaded; what its calls point to lies behind the headers, and may be written.
const BASE: u32 = 0x40_0000;
const DATA_AT: u32 = 0x400;
const CODE_AT: u32 = 0x2000;

/// In whose numbering and by which instruction a program makes its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abi {
    /// `syscall`.
    X86_64,
    /// `int 0x80`.
    I386,
}

/// A program that makes some calls one after the other.
#[derive(Clone, Debug)]
pub struct Program {
    abi: Abi,
    data: Vec<u8>,
    code: Vec<u8>,
}

// === impl Program ===

impl Program {
    /// Without calls.
    pub fn new(abi: Abi) -> Self {
        Self { abi, data: Vec::new(), code: Vec::new() }
    }

    /// It begins by closing what it may have inherited, so that the first descriptor that it makes is 3.
    pub fn with_nothing_open(abi: Abi) -> Self {
        let mut program = Self::new(abi);
        program.call("close_range", &[3, u32::MAX, 0]);
        program
    }

    /// Address of some bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> u32 {
        let address = BASE + DATA_AT + self.data.len() as u32;
        self.data.extend_from_slice(bytes);
        self.data.resize(self.data.len().next_multiple_of(8), 0);
        address
    }

    /// Address of a string.
    pub fn text(&mut self, text: impl AsRef<[u8]>) -> u32 {
        self.bytes(&[text.as_ref(), b"\0"].concat())
    }

    /// Address of words of the program's width.
    pub fn words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = match self.abi {
            Abi::X86_64 => words.iter().flat_map(|word| u64::from(*word).to_le_bytes()).collect(),
            Abi::I386 => words.iter().flat_map(|word| word.to_le_bytes()).collect(),
        };
        self.bytes(&bytes)
    }

    /// Makes the call of this name; what is not given of its arguments is undefined.
    pub fn call(&mut self, name: &str, arguments: &[u32]) {
        let number = match self.abi {
            Abi::X86_64 => name.parse::<syscalls::x86_64::Sysno>().unwrap().id(),
            Abi::I386 => name.parse::<syscalls::x86::Sysno>().unwrap().id(),
        };
        self.call_number(number as u32, arguments);
    }

    /// Makes the call with this number.
    pub fn call_number(&mut self, number: u32, arguments: &[u32]) {
        // mov r32, imm32 for eax and the registers of the arguments.
        let registers: [&[u8]; 6] = match self.abi {
            Abi::X86_64 => [&[0xbf], &[0xbe], &[0xba], &[0x41, 0xba], &[0x41, 0xb8], &[0x41, 0xb9]],
            Abi::I386 => [&[0xbb], &[0xb9], &[0xba], &[0xbe], &[0xbf], &[0xbd]],
        };
        self.load(&[0xb8], number);
        for (register, argument) in registers.into_iter().zip(arguments) {
            self.load(register, *argument);
        }
        self.code.extend_from_slice(match self.abi {
            Abi::X86_64 => &[0x0f, 0x05],
            Abi::I386 => &[0xcd, 0x80],
        });
    }

    /// Keeps what the last call returned, as the program saw it, in a word of its width at the address that this returns.
    pub fn keep_result(&mut self) -> u32 {
        let address = self.words(&[0]);
        // mov [address], rax or eax.
        let opcode: &[u8] = match self.abi {
            Abi::X86_64 => &[0x48, 0x89, 0x04, 0x25],
            Abi::I386 => &[0xa3],
        };
        self.load(opcode, address);
        address
    }

    /// What only the child does of the fork before it. It shares no stack with anybody, as nothing here uses one.
    pub fn in_child(&mut self, add: impl FnOnce(&mut Self)) {
        // test eax, eax; jnz to behind the child's part.
        self.code.extend_from_slice(&[0x85, 0xc0]);
        self.load(&[0x0f, 0x85], 0);
        let from = self.code.len();
        add(self);
        let distance = (self.code.len() - from) as u32;
        self.code[from - 4..from].copy_from_slice(&distance.to_le_bytes());
    }

    /// Does what no processor can: the kernel ends it by SIGILL.
    pub fn crash(&mut self) {
        self.code.extend_from_slice(&[0x0f, 0x0b]);
    }

    fn load(&mut self, opcode: &[u8], value: u32) {
        self.code.extend_from_slice(opcode);
        self.code.extend_from_slice(&value.to_le_bytes());
    }

    /// Makes an executable file of it that ends with status 0, for another program to execute.
    pub fn write_to(mut self, path: &Path) {
        self.call("exit", &[0]);
        self.write_file_to(path);
    }

    /// The same, ending as [`Self::write_waiting`] says.
    pub fn write_waiting_to(self, path: &Path) {
        self.waiting().write_file_to(path);
    }

    /// Writes it to a file in `folder`; the command runs it there, and it ends with status 0.
    pub fn write(mut self, folder: &Path) -> Command {
        self.call("exit", &[0]);
        self.write_file(folder)
    }

    /// The same, but it ends with `getppid`, by which a test knows that all calls were made, and then waits to be killed, so
    /// that /proc still has it.
    pub fn write_waiting(self, folder: &Path) -> Command {
        self.waiting().write_file(folder)
    }

    fn waiting(mut self) -> Self {
        self.call("getppid", &[]);
        self.call("pause", &[]);
        self
    }

    fn write_file(self, folder: &Path) -> Command {
        let path = folder.join("program");
        self.write_file_to(&path);
        let mut command = Command::new(path);
        command.current_dir(folder);
        command
    }

    fn write_file_to(self, path: &Path) {
        let mut file = self.headers();
        file.resize(DATA_AT as usize, 0);
        file.extend_from_slice(&self.data);
        assert!(file.len() <= CODE_AT as usize, "the program's data are too long");
        file.resize(CODE_AT as usize, 0);
        file.extend_from_slice(&self.code);
        fs::write(path, file).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// ELF header and one program header that maps all of it.
    fn headers(&self) -> Vec<u8> {
        let size = u64::from(CODE_AT) + self.code.len() as u64;
        let is_64 = self.abi == Abi::X86_64;
        let mut out = vec![0x7f, b'E', b'L', b'F', 1 + u8::from(is_64), 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let word = |out: &mut Vec<u8>, value: u64| match is_64 {
            true => out.extend_from_slice(&value.to_le_bytes()),
            false => out.extend_from_slice(&(value as u32).to_le_bytes()),
        };
        let half = |out: &mut Vec<u8>, value: u16| out.extend_from_slice(&value.to_le_bytes());
        let int = |out: &mut Vec<u8>, value: u32| out.extend_from_slice(&value.to_le_bytes());
        let header_size: u16 = if is_64 { 64 } else { 52 };
        half(&mut out, 2); // executable
        half(&mut out, if is_64 { 62 } else { 3 });
        int(&mut out, 1);
        word(&mut out, u64::from(BASE + CODE_AT));
        word(&mut out, u64::from(header_size));
        word(&mut out, 0);
        int(&mut out, 0);
        for value in [header_size, if is_64 { 56 } else { 32 }, 1, 0, 0, 0] {
            half(&mut out, value);
        }
        int(&mut out, 1); // to be loaded
        if is_64 {
            int(&mut out, 7);
        }
        for value in [0, u64::from(BASE), u64::from(BASE), size, size] {
            word(&mut out, value);
        }
        if !is_64 {
            int(&mut out, 7);
        }
        word(&mut out, 0x1000);
        out
    }
}
