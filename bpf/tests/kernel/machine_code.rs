//! Tiny programs made by hand: the only way to make calls by number without `unsafe`, and 32-bit ones without a 32-bit
//! compiler.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

/// Where the program is loaded; its text lies behind the headers.
const BASE: u32 = 0x40_0000;
const TEXTS_AT: u32 = 0x400;
const CODE_AT: u32 = 0x800;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Abi {
    X86_64,
    I386,
}

/// A program that makes some calls one after the other and ends with status 0.
pub(crate) struct Program {
    abi: Abi,
    texts: Vec<u8>,
    code: Vec<u8>,
}

// === impl Program ===

impl Program {
    pub(crate) fn new(abi: Abi) -> Self {
        Self { abi, texts: Vec::new(), code: Vec::new() }
    }

    /// Address of some bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> u32 {
        let address = BASE + TEXTS_AT + self.texts.len() as u32;
        self.texts.extend_from_slice(bytes);
        self.texts.resize(self.texts.len().next_multiple_of(4), 0);
        address
    }

    /// Address of a string.
    pub(crate) fn text(&mut self, text: &str) -> u32 {
        self.bytes(&[text.as_bytes(), b"\0"].concat())
    }

    /// Makes a call with up to four arguments.
    pub(crate) fn call(&mut self, number: u32, arguments: &[u32]) {
        // mov r32, imm32 for eax and the registers of the arguments.
        let registers: [&[u8]; 4] = match self.abi {
            Abi::X86_64 => [&[0xbf], &[0xbe], &[0xba], &[0x41, 0xba]],
            Abi::I386 => [&[0xbb], &[0xb9], &[0xba], &[0xbe]],
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

    fn load(&mut self, opcode: &[u8], value: u32) {
        self.code.extend_from_slice(opcode);
        self.code.extend_from_slice(&value.to_le_bytes());
    }

    /// Writes it to a file in `folder`; the command runs it.
    pub(crate) fn write(mut self, folder: &Path) -> Command {
        match self.abi {
            Abi::X86_64 => self.call(60, &[0]),
            Abi::I386 => self.call(1, &[0]),
        }
        let mut file = self.headers();
        file.resize(TEXTS_AT as usize, 0);
        file.extend_from_slice(&self.texts);
        assert!(file.len() <= CODE_AT as usize);
        file.resize(CODE_AT as usize, 0);
        file.extend_from_slice(&self.code);
        let path = folder.join("program");
        fs::write(&path, file).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Command::new(path)
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
