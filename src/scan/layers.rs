//! Layers of container images: which file of a lower layer a later one deletes. What is deleted is shipped all the same, so it
//! stays a find, and its place says so.
//!
//! In: image manifests (`docker save`'s `manifest.json`, OCI image manifests) and the whiteout files of layers, as the walk
//! meets them. Out: for a path, the layer that deletes it. Follows the OCI image specification 1.1, "Image Layer Filesystem
//! Changeset".

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::source::{Blob, base_name};

/// Longest manifest that is read; real ones have a few KiB.
const MANIFEST: u64 = 1 << 20;
/// Layers of an image, images, and whiteouts kept of one input file.
const LAYERS: usize = 4096;
const IMAGES: usize = 256;
const WHITEOUTS: usize = 100_000;

/// What the walk of one input file met.
#[derive(Debug, Default)]
pub(super) struct Layers {
    images: Vec<Image>,
    /// Manifests that an index lists. A layout may hold others, left from before.
    listed: HashSet<String>,
    /// By layer: what it deletes.
    deleted: HashMap<String, Vec<Whiteout>>,
    count: usize,
}

#[derive(Debug)]
struct Image {
    /// The path of its manifest, where an index may list it.
    manifest: Option<String>,
    /// The paths of its layers, the lowest first.
    layers: Vec<String>,
}

#[derive(Debug)]
struct Whiteout {
    path: String,
    /// All that lies below the path, and not the path itself.
    below: bool,
}

impl Layers {
    /// Looks at a blob by its name and, where it may be a manifest, its content.
    pub fn meet(&mut self, blob: &Blob) {
        if let Some(name) = base_name(&blob.inner).strip_prefix(".wh.") {
            self.whiteout(blob, name);
        } else if blob.len() <= MANIFEST && matches!(blob.head().trim_ascii_start().first(), Some(b'[' | b'{')) {
            self.manifest(blob);
        }
    }

    fn whiteout(&mut self, blob: &Blob, name: &str) {
        if self.count >= WHITEOUTS {
            return;
        }
        self.count += 1;
        let folder = blob.inner.rfind('/').and_then(|at| blob.inner.get(..at)).unwrap_or_default();
        let (path, below) = match name {
            ".wh..opq" => (folder.to_owned(), true),
            _ if folder.is_empty() => (name.to_owned(), false),
            _ => (format!("{folder}/{name}"), false),
        };
        let path = path.trim_start_matches("./").trim_start_matches('/').to_owned();
        self.deleted.entry(blob.scope.to_string()).or_default().push(Whiteout { path, below });
    }

    fn manifest(&mut self, blob: &Blob) {
        let Some(data) = blob.held() else { return };
        let mentions = |word: &[u8]| memchr::memmem::find(data, word).is_some();
        let saved = base_name(&blob.inner) == "manifest.json" && mentions(b"\"Layers\"");
        let layout = (mentions(b"\"layers\"") || mentions(b"\"manifests\"")) && mentions(b"\"digest\"");
        if !saved && !layout {
            return;
        }
        let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let mut add = |root: &str, names: Vec<String>, manifest: Option<String>| {
            if self.images.len() < IMAGES && !names.is_empty() {
                let layers = names.iter().take(LAYERS).map(|name| format!("{root}{name}")).collect();
                self.images.push(Image { manifest, layers });
            }
        };
        let blobs = |all: &Value| -> Vec<String> {
            let digests = all.as_array().into_iter().flatten();
            let digests = digests.filter_map(|one| one.get("digest")?.as_str()?.split_once(':'));
            digests.map(|(algorithm, digest)| format!("blobs/{algorithm}/{digest}")).collect()
        };
        // A manifest lies beside its layers, each by its digest; the index lies at the root.
        let root = blob.path.rfind("blobs/").or(blob.path.rfind("index.json")).and_then(|at| blob.path.get(..at));
        if let Some(images) = value.as_array() {
            let Some(root) = blob.path.strip_suffix("manifest.json") else { return };
            for image in images {
                let layers = image.get("Layers").and_then(Value::as_array);
                add(root, layers.into_iter().flatten().filter_map(text).collect(), None);
            }
        } else if let (Some(layers), Some(root)) = (value.get("layers"), root) {
            add(root, blobs(layers), Some(blob.path.to_string()));
        } else if let (Some(manifests), Some(root)) = (value.get("manifests"), root) {
            let room = IMAGES.saturating_sub(self.listed.len());
            self.listed.extend(blobs(manifests).iter().take(room).map(|name| format!("{root}{name}")));
        }
    }

    /// How much was met: what holds any of it is not the same at another place.
    pub fn met(&self) -> usize {
        self.count + self.images.len() + self.listed.len()
    }

    /// Takes what another input file gave: in an OCI layout each blob is a file of its own.
    pub fn append(&mut self, other: Layers) {
        self.images.extend(other.images);
        self.listed.extend(other.listed);
        for (layer, mut paths) in other.deleted {
            self.deleted.entry(layer).or_default().append(&mut paths);
        }
    }

    /// The layer that deletes what lies at `path`, in every image that holds it.
    pub fn deletes(&self, path: &str) -> Option<&str> {
        if self.deleted.is_empty() {
            return None;
        }
        let mut by = None;
        let listed = |image: &&Image| {
            self.listed.is_empty() || image.manifest.as_ref().is_none_or(|path| self.listed.contains(path))
        };
        for image in self.images.iter().filter(listed).map(|image| &image.layers) {
            let within = |layer: &String| path.strip_prefix(layer.as_str())?.strip_prefix("!/");
            let Some((at, inner)) = image.iter().enumerate().find_map(|(at, layer)| Some((at, within(layer)?))) else {
                continue;
            };
            let file = inner.split("!/").next().unwrap_or(inner);
            let later = image.iter().skip(at + 1);
            let deletes = |layer: &&String| {
                self.deleted.get(layer.as_str()).is_some_and(|all| all.iter().any(|one| one.hides(file)))
            };
            by = Some(later.into_iter().find(deletes)?.as_str());
        }
        by
    }
}

impl Whiteout {
    fn hides(&self, file: &str) -> bool {
        match file.strip_prefix(self.path.as_str()) {
            Some("") => !self.below,
            Some(rest) => rest.starts_with('/') || self.path.is_empty(),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Content;

    fn blob(path: &str, inner: &str, data: &[u8]) -> Blob {
        let mut blob = Blob::nameless(Content::from(data.to_vec()));
        blob.scope = path.strip_suffix(&format!("!/{inner}")).unwrap_or(path).into();
        (blob.path, blob.inner) = (path.into(), inner.to_owned());
        blob
    }

    #[test]
    fn a_file_is_deleted_by_a_later_layer_only() {
        let mut layers = Layers::default();
        let manifest = br#"[{"Config":"c","RepoTags":[],"Layers":["a/layer.tar","b/layer.tar"]}]"#;
        layers.meet(&blob("i.tar!/manifest.json", "manifest.json", manifest));
        layers.meet(&blob("i.tar!/b/layer.tar!/opt/.wh.av", "opt/.wh.av", b""));
        layers.meet(&blob("i.tar!/b/layer.tar!/var/.wh..wh..opq", "var/.wh..wh..opq", b""));
        let by = |path| layers.deletes(path).is_some();
        assert!(by("i.tar!/a/layer.tar!/opt/av"));
        assert!(by("i.tar!/a/layer.tar!/opt/av/lib.so!/.data"));
        assert!(by("i.tar!/a/layer.tar!/var/x"));
        assert!(!by("i.tar!/a/layer.tar!/var"));
        assert!(!by("i.tar!/a/layer.tar!/opt/avx"));
        assert!(!by("i.tar!/b/layer.tar!/opt/av"));
    }

    #[test]
    fn a_layer_of_two_images_is_deleted_only_if_both_delete() {
        let mut layers = Layers::default();
        for (name, other) in [("m1", "bb"), ("m2", "cc")] {
            let text = format!(
                r#"{{"mediaType":"m","layers":[{{"digest":"sha256:aa"}},{{"digest":"sha256:{other}"}}],"x":"{name}"}}"#
            );
            layers.meet(&blob(&format!("o/blobs/sha256/{name}"), &format!("blobs/sha256/{name}"), text.as_bytes()));
        }
        layers.meet(&blob("o/blobs/sha256/bb!/.wh.f", ".wh.f", b""));
        assert_eq!(layers.deletes("o/blobs/sha256/aa!/f"), None);
        layers.meet(&blob("o/blobs/sha256/cc!/.wh.f", ".wh.f", b""));
        assert_eq!(layers.deletes("o/blobs/sha256/aa!/f"), Some("o/blobs/sha256/cc"));
    }
}
