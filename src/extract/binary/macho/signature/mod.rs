//! The code signature of a Mach-O image: code directories, entitlements, and the signed message over them.
//!
//! In: an [`Image`] with `LC_CODE_SIGNATURE`. Out: identifier, team, entitlements, who signed, and whether it fits: every
//! page has the digest its code directory states, and the signer states the digest of the code directory. What does not
//! fit, and what nobody signed (ad hoc), is said as doubted.

mod directory;
pub(in super::super::super) mod entitlements;

use directory::Directory;

use super::super::super::signature::digest::Algorithm;
use super::super::super::signature::{self, Message, Verdict};
use super::image::Image;
use super::{FactKind, Inventory, Reason, big, plist};

/// Parts of a signature; real ones have a dozen.
const BLOBS: usize = 64;
/// Code directories: one, and one for each further digest algorithm.
const DIRECTORIES: usize = 8;

const SUPER: u64 = 0xfade_0cc0;
const DIRECTORY: u64 = 0xfade_0c02;
const MESSAGE: u64 = 0xfade_0b01;
const ENTITLEMENTS: u64 = 0xfade_7171;
const ENTITLEMENTS_DER: u64 = 0xfade_7172;
/// Slots of entitlements, in both forms.
const XML_SLOT: u64 = 5;
const DER_SLOT: u64 = 7;
/// Slots of the parts that a code directory covers: requirements, entitlements in both forms.
const COVERED: [u64; 3] = [2, XML_SLOT, DER_SLOT];
/// The attribute that lists the digests of all code directories.
const LISTED: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 9, 1];

/// A part of a signature.
pub(super) struct Blob<'a> {
    slot: u64,
    magic: u64,
    /// With its header of eight bytes.
    whole: &'a [u8],
}

impl<'a> Blob<'a> {
    fn body(&self) -> &'a [u8] {
        self.whole.get(8..).unwrap_or_default()
    }
}

/// Says what the signature says. `budget` is how many bytes may still be digested.
pub(super) fn say(image: &Image<'_>, prefix: &str, budget: &mut usize, inventory: &mut Inventory<'_>) {
    let Some((at, len)) = image.signature else { return };
    let field = format!("{prefix}LC_CODE_SIGNATURE");
    let data = image.part(at, len, &field, inventory);
    let blobs = blobs(data, &field, inventory);
    let directories = directories(image, &blobs, &field, inventory);
    let pages: Vec<Verdict> = directories.iter().map(|d| fits(image, d, &blobs, budget)).collect();
    let Some((primary, of_primary)) = directories.iter().zip(&pages).find(|(d, _)| d.slot == 0) else {
        if !data.is_empty() {
            inventory.gap(&field, Reason::Malformed, "a signature without a code directory");
        }
        return;
    };
    let of_primary = of_primary.clone();
    let body = blobs.iter().find(|b| b.magic == MESSAGE).map(Blob::body).filter(|body| body.iter().any(|b| *b != 0));
    let message = body.and_then(signature::read);
    // What is true of the code directory for all that is in the signature.
    let (primary_verdict, alternates) = match (&message, body) {
        (Some(message), _) => {
            let fit = message_fits(message, primary).and(of_primary);
            signature::say(message, &field, &mut |_, _| fit.clone(), inventory);
            let listed = listed(message);
            (fit, Some(listed))
        }
        (None, Some(_)) => {
            inventory.gap(&field, Reason::Malformed, "a signed message that could not be read");
            let verdict = Verdict::NotChecked("its signed message could not be read".to_owned()).and(of_primary);
            alone(&verdict, &field, inventory);
            (verdict, None)
        }
        (None, None) => {
            let verdict = Verdict::NotChecked("ad hoc: nobody signed it".to_owned()).and(of_primary);
            alone(&verdict, &field, inventory);
            (verdict, None)
        }
    };
    for (directory, pages) in directories.iter().zip(pages) {
        let verdict = if directory.slot == 0 {
            primary_verdict.clone()
        } else {
            let listed = alternates.as_ref().is_some_and(|listed| listed.contains(&directory.short_digest()));
            let covered = if listed {
                pages
            } else {
                Verdict::NotChecked("the signer does not list this code directory".to_owned()).and(pages)
            };
            if matches!(covered, Verdict::Mismatch(_)) {
                alone(&covered, &format!("{field}/{}", directory.field()), inventory);
            }
            covered.and(primary_verdict.clone())
        };
        let at = format!("{field}/{}", directory.field());
        signature::doubt(
            FactKind::CodeIdentifier,
            &directory.identifier,
            &format!("{at}/identifier"),
            &verdict,
            inventory,
        );
        signature::doubt(FactKind::TeamId, &directory.team, &format!("{at}/team"), &verdict, inventory);
    }
    // Only the first part in a slot that code directories cover had its digest compared: others may be anybody's.
    let covered = |slot: u64, magic: u64| blobs.iter().find(|b| b.slot == slot).filter(|b| b.magic == magic);
    let (xml, der) = (covered(XML_SLOT, ENTITLEMENTS), covered(DER_SLOT, ENTITLEMENTS_DER));
    if let Some(blob) = xml {
        entitlements::xml(blob.body(), &format!("{field}/entitlements"), &primary_verdict, inventory);
    } else if let Some(blob) = der {
        entitlements::der(blob.body(), &format!("{field}/entitlements-der"), &primary_verdict, inventory);
    }
    let all = blobs.iter().filter(|b| matches!(b.magic, ENTITLEMENTS | ENTITLEMENTS_DER)).count();
    let stray = all - usize::from(xml.is_some()) - usize::from(der.is_some());
    if stray > 0 {
        let detail = format!("{stray} sets of entitlements where no code directory covers them; not read");
        inventory.gap(format!("{field}/entitlements"), Reason::Malformed, detail);
    }
}

/// What came of comparing, where no signer is said with it.
fn alone(verdict: &Verdict, field: &str, inventory: &mut Inventory<'_>) {
    inventory.file.say_doubted(FactKind::SignatureDigest, verdict.to_string(), format!("{field}/digest"));
}

/// The parts of a signature.
fn blobs<'a>(data: &'a [u8], field: &str, inventory: &mut Inventory<'_>) -> Vec<Blob<'a>> {
    let mut found = Vec::new();
    let (Some(magic), Some(length), Some(count)) = (big(data, 0, 4), big(data, 4, 4), big(data, 8, 4)) else {
        if !data.is_empty() {
            inventory.gap(field, Reason::Truncated, "the file ends in the header of the signature");
        }
        return found;
    };
    if magic != SUPER {
        inventory.gap(field, Reason::Malformed, format!("a signature that begins with {magic:08x}"));
        return found;
    }
    let whole = usize::try_from(length).ok().and_then(|len| data.get(..len));
    if whole.is_none() {
        let detail = format!("a signature of {length} bytes in {}", data.len());
        inventory.gap(field, Reason::Truncated, detail);
    }
    let data = whole.unwrap_or(data);
    if count > BLOBS as u64 {
        inventory.gap(field, Reason::Limit, format!("{count} parts of a signature; {BLOBS} were read"));
    }
    for index in 0..usize::try_from(count).unwrap_or(BLOBS).min(BLOBS) {
        let at = 12 + index * 8;
        let blob = big(data, at, 4).zip(big(data, at + 4, 4)).and_then(|(slot, at)| {
            let rest = data.get(usize::try_from(at).ok()?..)?;
            let (magic, length) = (big(rest, 0, 4)?, big(rest, 4, 4)?);
            let whole = rest.get(..usize::try_from(length).ok()?).filter(|whole| whole.len() >= 8)?;
            Some(Blob { slot, magic, whole })
        });
        match blob {
            Some(blob) => found.push(blob),
            None => {
                let detail = format!("part {index} of {count} leads out of the signature");
                inventory.gap(field, Reason::Malformed, detail);
                if at > data.len() {
                    break;
                }
            }
        }
    }
    found
}

/// The code directories among the parts.
fn directories<'a>(
    image: &Image<'_>,
    blobs: &[Blob<'a>],
    field: &str,
    inventory: &mut Inventory<'_>,
) -> Vec<Directory<'a>> {
    let mut found = Vec::new();
    // A digest a page: far smaller than the code. Each is digested for every signer.
    let most = (64 << 10) + image.data.len() / 32;
    for blob in blobs.iter().filter(|b| b.magic == DIRECTORY) {
        if found.len() >= DIRECTORIES {
            let detail = format!("more than {DIRECTORIES} code directories; the rest was not read");
            inventory.gap(field, Reason::Limit, detail);
            break;
        }
        match Directory::read(blob.slot, blob.whole).filter(|d| d.whole.len() <= most) {
            Some(directory) => found.push(directory),
            None => inventory.gap(field, Reason::Malformed, "a code directory that leads out of itself"),
        }
    }
    found
}

/// Whether a code directory fits the image and the parts it covers.
fn fits(image: &Image<'_>, directory: &Directory<'_>, blobs: &[Blob<'_>], budget: &mut usize) -> Verdict {
    let mut verdict = directory.pages(image, budget);
    for slot in COVERED {
        let Some(blob) = blobs.iter().find(|b| b.slot == slot) else {
            // Zeros stand for a part that never was.
            if directory.special(slot).is_some_and(|stated| stated.iter().any(|b| *b != 0)) {
                verdict = verdict.and(Verdict::Mismatch(format!("part {slot} of the signature is missing")));
            }
            continue;
        };
        let Some(left) = budget.checked_sub(blob.whole.len()) else {
            return verdict.and(Verdict::NotChecked("more signed parts than the file has bytes".to_owned()));
        };
        *budget = left;
        if directory.special(blob.slot).is_none_or(|stated| stated != directory.digest_of(blob.whole)) {
            let why = format!("the digest of part {} of the signature is another", blob.slot);
            verdict = verdict.and(Verdict::Mismatch(why));
        }
    }
    verdict
}

/// Whether the signers state the digest of the primary code directory.
fn message_fits(message: &Message<'_>, primary: &Directory<'_>) -> Verdict {
    let mut verdict = None;
    for signer in message.signers() {
        let one = match (signer.algorithm, &signer.digest) {
            (Some(algorithm), Some(stated)) => {
                Verdict::of(algorithm, stated, &algorithm.digest([primary.whole]), "the code directory")
            }
            (None, _) => Verdict::NotChecked("the signer's digest algorithm is unknown".to_owned()),
            (_, None) => Verdict::NotChecked("the signer states no digest".to_owned()),
        };
        verdict = Some(verdict.map_or(one.clone(), |verdict: Verdict| verdict.and(one)));
    }
    verdict.unwrap_or_else(|| Verdict::NotChecked("the message has no signer".to_owned()))
}

/// The digests of code directories that the first signer lists, each cut to twenty bytes.
fn listed(message: &Message<'_>) -> Vec<Vec<u8>> {
    let list = message.signers().first().and_then(|s| s.signed(LISTED)).map(|e| e.octets());
    let root = list.and_then(|list| plist::read(&list).0);
    let items = root.as_ref().and_then(|root| root.get("cdhashes")).map(|hashes| hashes.items().to_vec());
    items.unwrap_or_default().iter().filter_map(|hash| hash.text().map(plist::bytes)).take(BLOBS).collect()
}

/// The algorithm of a code directory by its number, and how long its digests are.
fn algorithm(kind: u8) -> Option<(Algorithm, usize)> {
    Some(match kind {
        1 => (Algorithm::Sha1, 20),
        2 => (Algorithm::Sha256, 32),
        3 => (Algorithm::Sha256, 20),
        4 => (Algorithm::Sha384, 48),
        5 => (Algorithm::Sha512, 64),
        _ => return None,
    })
}
