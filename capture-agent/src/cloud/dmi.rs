//! Which cloud the firmware names: what hypervisors write into the tables that `dmidecode` shows.

use std::{fs::File, io::Read as _, path::Path};

use super::Provider;

/// Of one value; they are a line each.
const MAX_BYTES: u64 = 256;
/// What Azure writes as the asset tag of its machines' chassis, and Hyper-V elsewhere does not.
const AZURE_ASSET_TAG: &str = "7783-7084-3265-9085-8269-3286-77";
/// What OpenStack's computes call themselves.
const OPENSTACK_PRODUCTS: [&str; 3] = ["OpenStack Nova", "OpenStack Compute", "OpenStack Foundation"];

/// The cloud that the files in `folder` (`/sys/class/dmi/id`) name.
pub(super) fn provider(folder: &Path) -> Option<Provider> {
    let value = |name: &str| value(&folder.join(name));
    let is_any = |names: &[&str], holds: &dyn Fn(&str) -> bool| names.iter().any(|name| holds(&value(name)));
    // Instances on Xen have it in the version of the BIOS alone.
    let of_aws = |text: &str| text == "Amazon EC2" || text.ends_with(".amazon");
    if is_any(&["sys_vendor", "board_vendor", "bios_vendor", "bios_version"], &of_aws) {
        return Some(Provider::Aws);
    }
    // Google makes laptops as well.
    if value("product_name") == "Google Compute Engine" {
        return Some(Provider::Gcp);
    }
    if value("chassis_asset_tag") == AZURE_ASSET_TAG {
        return Some(Provider::Azure);
    }
    let of_openstack = |text: &str| OPENSTACK_PRODUCTS.contains(&text);
    is_any(&["product_name", "sys_vendor"], &of_openstack).then_some(Provider::Openstack)
}

/// A file's text without blanks around it; nothing if it cannot be read.
fn value(path: &Path) -> String {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut text));
    if read.is_err() {
        return String::new();
    }
    String::from_utf8_lossy(&text).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: what the firmware of each cloud's machines says, of a laptop, of Hyper-V, of a file that is no text, and none at all. Guarantees:
    /// the clouds are told apart, and nothing else is one.
    #[test]
    fn firmware_names_its_cloud() {
        let of = |files: &[(&str, &[u8])]| {
            let folder = tempfile::tempdir().unwrap();
            for (name, text) in files {
                std::fs::write(folder.path().join(name), text).unwrap();
            }
            provider(folder.path())
        };
        assert_eq!(
            of(&[("sys_vendor", b"Amazon EC2\n"), ("product_name", b"m5.large\n")]),
            Some(Provider::Aws)
        );
        assert_eq!(of(&[("sys_vendor", b"Xen\n"), ("bios_version", b"4.11.amazon\n")]), Some(Provider::Aws));
        let google: [(&str, &[u8]); 2] =
            [("sys_vendor", b"Google\n"), ("product_name", b"Google Compute Engine\n")];
        assert_eq!(of(&google), Some(Provider::Gcp));
        assert_eq!(of(&google[..1]), None);
        let tag = format!("{AZURE_ASSET_TAG}\n");
        let microsoft: [(&str, &[u8]); 2] =
            [("sys_vendor", b"Microsoft Corporation\n"), ("chassis_asset_tag", tag.as_bytes())];
        assert_eq!(of(&microsoft), Some(Provider::Azure));
        assert_eq!(of(&microsoft[..1]), None);
        assert_eq!(of(&[("product_name", b"OpenStack Nova\n")]), Some(Provider::Openstack));
        assert_eq!(of(&[("sys_vendor", b"OpenStack Foundation\n")]), Some(Provider::Openstack));
        assert_eq!(of(&[("sys_vendor", b"QEMU\n"), ("product_name", &[0xff; 4_096])]), None);
        assert_eq!(provider(Path::new("/nowhere")), None);
    }
}
