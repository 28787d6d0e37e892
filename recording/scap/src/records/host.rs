//! Section, machine, interfaces and accounts.

use crate::{
    Account, Interface, Machine,
    fields::{Fields, Malformed},
};

/// Bytes of a host's name in its block, with the NUL bytes that fill it.
const HOSTNAME_BYTES: usize = 128;
/// Bytes of an interface's name that readers take.
const MAX_INTERFACE_NAME_BYTES: usize = 1023;
/// Bytes of an account's names and paths: one byte more, and libscap refuses the whole file.
const MAX_ACCOUNT_BYTES: usize = 255;
/// At most so many interfaces or accounts are read of a block, about 200 bytes each.
pub(crate) const MAX_HOST_ENTRIES: u32 = 262_144;

// Types of interfaces; the older two have no link speed.
const IPV4: u16 = 1;
const IPV6: u16 = 2;
const IPV4_WITHOUT_SPEED: u16 = 3;
const IPV6_WITHOUT_SPEED: u16 = 4;

const USER: u8 = 0;
const GROUP: u8 = 1;

pub(crate) fn read_machine(fields: &mut Fields<'_>) -> Result<Machine, Malformed> {
    let cpu_count = fields.u32("num_cpus")?;
    let memory_bytes = fields.u64("memory_size_bytes")?;
    let max_pid = fields.u64("max_pid")?;
    let hostname = fields.bytes("hostname", HOSTNAME_BYTES)?;
    Ok(Machine {
        cpu_count,
        memory_bytes,
        max_pid,
        hostname: hostname.split(|byte| *byte == 0).next().unwrap_or_default().to_vec(),
        boot_epoch_ns: fields.u64("boot_ts_epoch")?,
    })
}

/// The body has 180 bytes: libscap reads as many whatever the block says.
pub(crate) fn write_machine(machine: &Machine, body: &mut Vec<u8>) {
    // flags and two reserved numbers.
    const UNUSED_BYTES: usize = 24;
    body.extend(machine.cpu_count.to_le_bytes());
    body.extend(machine.memory_bytes.to_le_bytes());
    body.extend(machine.max_pid.to_le_bytes());
    let until_nul = machine.hostname.iter().take_while(|byte| **byte != 0);
    let name = until_nul.chain(std::iter::repeat(&0)).take(HOSTNAME_BYTES - 1).chain([&0]);
    body.extend(name);
    body.extend(machine.boot_epoch_ns.to_le_bytes());
    body.extend([0; UNUSED_BYTES]);
}

pub(crate) fn read_interface(fields: &mut Fields<'_>, has_lengths: bool) -> Result<Interface, Malformed> {
    if !has_lengths {
        return read_interface_entry(fields);
    }
    read_interface_entry(&mut fields.entry("entry length", false)?)
}

fn read_interface_entry(fields: &mut Fields<'_>) -> Result<Interface, Malformed> {
    let interface_type = fields.u16("type")?;
    let name_bytes = usize::from(fields.u16("namelen")?);
    let mut address = |field| match interface_type {
        IPV4 | IPV4_WITHOUT_SPEED => fields.ipv4(field),
        IPV6 | IPV6_WITHOUT_SPEED => fields.ipv6(field),
        other => Err(Malformed::Unknown { field: "type", found: other.into() }),
    };
    let (address, netmask, broadcast) = (address("addr")?, address("netmask")?, address("bcast")?);
    let has_speed = matches!(interface_type, IPV4 | IPV6);
    let link_speed = if has_speed { fields.u64("linkspeed")? } else { 0 };
    Ok(Interface {
        name: super::cut(fields.bytes("name", name_bytes)?, MAX_INTERFACE_NAME_BYTES).to_vec(),
        address,
        netmask,
        broadcast,
        link_speed,
    })
}

/// Appends an entry with its length; `None` if its addresses are of different families.
pub(crate) fn write_interface(interface: &Interface, body: &mut Vec<u8>) -> Option<()> {
    let addresses = [interface.address, interface.netmask, interface.broadcast];
    let is_ipv4 = interface.address.is_ipv4();
    if addresses.iter().any(|address| address.is_ipv4() != is_ipv4) {
        return None;
    }
    let name = super::cut(&interface.name, MAX_INTERFACE_NAME_BYTES);
    let start = body.len();
    body.extend([0; 4]);
    body.extend(if is_ipv4 { IPV4 } else { IPV6 }.to_le_bytes());
    body.extend(u16::try_from(name.len()).unwrap_or_default().to_le_bytes());
    addresses.into_iter().for_each(|address| super::write_ip(address, body));
    body.extend(interface.link_speed.to_le_bytes());
    body.extend(name);
    super::set_entry_length(body, start, false);
    Some(())
}

pub(crate) fn read_account(fields: &mut Fields<'_>, has_lengths: bool) -> Result<Account, Malformed> {
    if !has_lengths {
        return read_account_entry(fields);
    }
    read_account_entry(&mut fields.entry("entry length", true)?)
}

fn read_account_entry(fields: &mut Fields<'_>) -> Result<Account, Malformed> {
    Ok(match fields.u8("kind")? {
        USER => Account::User {
            uid: fields.u32("uid")?,
            gid: fields.u32("gid")?,
            name: fields.text("name", MAX_ACCOUNT_BYTES)?,
            home: fields.text("home", MAX_ACCOUNT_BYTES)?,
            shell: fields.text("shell", MAX_ACCOUNT_BYTES)?,
        },
        _ => Account::Group { gid: fields.u32("gid")?, name: fields.text("name", MAX_ACCOUNT_BYTES)? },
    })
}

/// Appends an entry with its length.
pub(crate) fn write_account(account: &Account, body: &mut Vec<u8>) {
    let start = body.len();
    body.extend([0; 4]);
    match account {
        Account::User { uid, gid, name, home, shell } => {
            body.push(USER);
            body.extend(uid.to_le_bytes());
            body.extend(gid.to_le_bytes());
            [name, home, shell].into_iter().for_each(|text| super::write_text(text, MAX_ACCOUNT_BYTES, body));
        }
        Account::Group { gid, name } => {
            body.push(GROUP);
            body.extend(gid.to_le_bytes());
            super::write_text(name, MAX_ACCOUNT_BYTES, body);
        }
    }
    super::set_entry_length(body, start, true);
}
