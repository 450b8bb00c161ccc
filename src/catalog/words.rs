//! The words of the catalogue: what a product is to the rules, what a sign is worth, what joins what.
//!
//! In: nothing. Out: enums with their stable names. Must not know: any product.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a product is in the eyes of the rules: the cases (a) to (h) of the regulations' reading, and one
/// for code whose maker is known and whose kind is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// (a) An engine or SDK meant to be integrated in other vendors' products.
    EngineSdk,
    /// (b) A security product under Kaspersky's own brand.
    BrandedProduct,
    /// (c) A client of threat-intelligence feeds or services.
    ThreatIntelligence,
    /// (d) Training.
    Training,
    /// (e) A library that is no security software.
    NonSecurityLibrary,
    /// (f) A password manager or VPN.
    PasswordManagerVpn,
    /// (g) An operating system.
    OperatingSystem,
    /// (h) Software that only interoperates: adapter, detector, uninstaller, list.
    Interoperating,
    /// Code of the vendor whose kind is not stated.
    Unspecified,
}

impl Class {
    /// Every class.
    pub const ALL: &'static [Class] = &[
        Class::EngineSdk,
        Class::BrandedProduct,
        Class::ThreatIntelligence,
        Class::Training,
        Class::NonSecurityLibrary,
        Class::PasswordManagerVpn,
        Class::OperatingSystem,
        Class::Interoperating,
        Class::Unspecified,
    ];

    /// The stable name used in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Class::EngineSdk => "engine-sdk",
            Class::BrandedProduct => "branded-product",
            Class::ThreatIntelligence => "threat-intelligence",
            Class::Training => "training",
            Class::NonSecurityLibrary => "non-security-library",
            Class::PasswordManagerVpn => "password-manager-vpn",
            Class::OperatingSystem => "operating-system",
            Class::Interoperating => "interoperating",
            Class::Unspecified => "unspecified",
        }
    }

    /// Whose a product of this class is, where the catalogue names a maker: what only works with another's is not that one's.
    #[must_use]
    pub fn whose(self, maker: &str) -> String {
        match self {
            Class::Interoperating => format!("by others, to work with {maker}"),
            _ => format!("by {maker}"),
        }
    }

    /// The letter of the case, as the documentation of the rules counts them.
    #[must_use]
    pub const fn letter(self) -> Option<char> {
        match self {
            Class::EngineSdk => Some('a'),
            Class::BrandedProduct => Some('b'),
            Class::ThreatIntelligence => Some('c'),
            Class::Training => Some('d'),
            Class::NonSecurityLibrary => Some('e'),
            Class::PasswordManagerVpn => Some('f'),
            Class::OperatingSystem => Some('g'),
            Class::Interoperating => Some('h'),
            Class::Unspecified => None,
        }
    }

    /// The same for a person.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Class::EngineSdk => "engine or SDK",
            Class::BrandedProduct => "branded security product",
            Class::ThreatIntelligence => "threat-intelligence client",
            Class::Training => "training",
            Class::NonSecurityLibrary => "non-security library",
            Class::PasswordManagerVpn => "password manager or VPN",
            Class::OperatingSystem => "operating system",
            Class::Interoperating => "interoperating software",
            Class::Unspecified => "kind not stated",
        }
    }
}

/// How much a hit in its right place is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// Never counts alone or together.
    Weak,
    /// Fits, and stands elsewhere too: counts only beside another sign.
    Supporting,
    /// Nearly always the product: asks for one more independent hit.
    Strong,
    /// In this place it is the product.
    Conclusive,
}

impl Strength {
    /// The stable name used in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Strength::Weak => "weak",
            Strength::Supporting => "supporting",
            Strength::Strong => "strong",
            Strength::Conclusive => "conclusive",
        }
    }
}

/// Whether a general sign adds to a more telling find instead of standing beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Joins {
    /// It is a find of its own.
    #[default]
    Nothing,
    /// It joins one in the same component.
    Component,
    /// It joins one in the same unit (product, archive, document).
    Unit,
    /// It joins one in the same component, after what joins it itself: a product named as such, beside its parts.
    Last,
}
