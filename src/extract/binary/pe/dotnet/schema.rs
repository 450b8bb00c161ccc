//! The tables of CLI metadata and their columns (ECMA-335, partition II, 22; the `Ptr` and `Enc` tables of the
//! uncompressed form as runtimes write them).
//!
//! In: nothing. Out: data alone.

/// What stands in one column.
pub(super) enum Column {
    /// Two bytes.
    Word,
    /// Four bytes.
    Long,
    /// An index into `#Strings`.
    Text,
    /// An index into `#GUID`.
    Guid,
    /// An index into `#Blob`.
    Blob,
    /// A row of one table.
    Row(usize),
    /// A row of one of several tables.
    Coded(&'static Coded),
}

/// An index that says in its low bits which table it leads to.
pub(super) struct Coded {
    pub bits: u32,
    pub tables: &'static [usize],
}

impl Coded {
    /// The table and row that a value leads to.
    pub fn row(&self, value: u32) -> Option<(usize, u32)> {
        let tag = usize::try_from(value & ((1 << self.bits) - 1)).ok()?;
        self.tables.get(tag).filter(|table| **table != NONE).map(|table| (*table, value >> self.bits))
    }
}

/// How many tables the standard knows.
pub(super) const TABLES: usize = 0x2d;

pub(super) const MODULE: usize = 0x00;
pub(super) const TYPE_REF: usize = 0x01;
pub(super) const TYPE_DEF: usize = 0x02;
const FIELD: usize = 0x04;
pub(super) const METHOD: usize = 0x06;
const PARAM: usize = 0x08;
pub(super) const MEMBER_REF: usize = 0x0a;
pub(super) const CUSTOM_ATTRIBUTE: usize = 0x0c;
const EVENT: usize = 0x14;
const PROPERTY: usize = 0x17;
pub(super) const MODULE_REF: usize = 0x1a;
const TYPE_SPEC: usize = 0x1b;
pub(super) const IMPL_MAP: usize = 0x1c;
pub(super) const ASSEMBLY: usize = 0x20;
pub(super) const ASSEMBLY_REF: usize = 0x23;
pub(super) const FILE: usize = 0x26;
const EXPORTED_TYPE: usize = 0x27;
pub(super) const MANIFEST_RESOURCE: usize = 0x28;
const GENERIC_PARAM: usize = 0x2a;
const METHOD_SPEC: usize = 0x2b;
const GENERIC_PARAM_CONSTRAINT: usize = 0x2c;
/// A tag that leads nowhere.
const NONE: usize = usize::MAX;

const TYPE_DEF_OR_REF: Coded = Coded { bits: 2, tables: &[TYPE_DEF, TYPE_REF, TYPE_SPEC] };
const HAS_CONSTANT: Coded = Coded { bits: 2, tables: &[FIELD, PARAM, PROPERTY] };
pub(super) const HAS_CUSTOM_ATTRIBUTE: Coded = Coded {
    bits: 5,
    tables: &[
        METHOD,
        FIELD,
        TYPE_REF,
        TYPE_DEF,
        PARAM,
        0x09,
        MEMBER_REF,
        MODULE,
        0x0e,
        PROPERTY,
        EVENT,
        0x11,
        MODULE_REF,
        TYPE_SPEC,
        ASSEMBLY,
        ASSEMBLY_REF,
        FILE,
        EXPORTED_TYPE,
        MANIFEST_RESOURCE,
        GENERIC_PARAM,
        GENERIC_PARAM_CONSTRAINT,
        METHOD_SPEC,
    ],
};
const HAS_FIELD_MARSHAL: Coded = Coded { bits: 1, tables: &[FIELD, PARAM] };
const HAS_DECL_SECURITY: Coded = Coded { bits: 2, tables: &[TYPE_DEF, METHOD, ASSEMBLY] };
pub(super) const MEMBER_REF_PARENT: Coded =
    Coded { bits: 3, tables: &[TYPE_DEF, TYPE_REF, MODULE_REF, METHOD, TYPE_SPEC] };
const HAS_SEMANTICS: Coded = Coded { bits: 1, tables: &[EVENT, PROPERTY] };
const METHOD_DEF_OR_REF: Coded = Coded { bits: 1, tables: &[METHOD, MEMBER_REF] };
const MEMBER_FORWARDED: Coded = Coded { bits: 1, tables: &[FIELD, METHOD] };
const IMPLEMENTATION: Coded = Coded { bits: 2, tables: &[FILE, ASSEMBLY_REF, EXPORTED_TYPE] };
pub(super) const CUSTOM_ATTRIBUTE_TYPE: Coded = Coded { bits: 3, tables: &[NONE, NONE, METHOD, MEMBER_REF, NONE] };
const RESOLUTION_SCOPE: Coded = Coded { bits: 2, tables: &[MODULE, MODULE_REF, ASSEMBLY_REF, TYPE_REF] };
const TYPE_OR_METHOD_DEF: Coded = Coded { bits: 1, tables: &[TYPE_DEF, METHOD] };

use Column::{Blob, Guid, Long, Row, Text, Word};

const fn coded(coded: &'static Coded) -> Column {
    Column::Coded(coded)
}

/// The columns of each table, by its number.
pub(super) const SCHEMA: [&[Column]; TABLES] = [
    // Module, TypeRef, TypeDef.
    &[Word, Text, Guid, Guid, Guid],
    &[coded(&RESOLUTION_SCOPE), Text, Text],
    &[Long, Text, Text, coded(&TYPE_DEF_OR_REF), Row(FIELD), Row(METHOD)],
    // FieldPtr, Field, MethodPtr, MethodDef, ParamPtr, Param.
    &[Row(FIELD)],
    &[Word, Text, Blob],
    &[Row(METHOD)],
    &[Long, Word, Word, Text, Blob, Row(PARAM)],
    &[Row(PARAM)],
    &[Word, Word, Text],
    // InterfaceImpl, MemberRef, Constant, CustomAttribute, FieldMarshal, DeclSecurity.
    &[Row(TYPE_DEF), coded(&TYPE_DEF_OR_REF)],
    &[coded(&MEMBER_REF_PARENT), Text, Blob],
    &[Word, coded(&HAS_CONSTANT), Blob],
    &[coded(&HAS_CUSTOM_ATTRIBUTE), coded(&CUSTOM_ATTRIBUTE_TYPE), Blob],
    &[coded(&HAS_FIELD_MARSHAL), Blob],
    &[Word, coded(&HAS_DECL_SECURITY), Blob],
    // ClassLayout, FieldLayout, StandAloneSig.
    &[Word, Long, Row(TYPE_DEF)],
    &[Long, Row(FIELD)],
    &[Blob],
    // EventMap, EventPtr, Event, PropertyMap, PropertyPtr, Property.
    &[Row(TYPE_DEF), Row(EVENT)],
    &[Row(EVENT)],
    &[Word, Text, coded(&TYPE_DEF_OR_REF)],
    &[Row(TYPE_DEF), Row(PROPERTY)],
    &[Row(PROPERTY)],
    &[Word, Text, Blob],
    // MethodSemantics, MethodImpl, ModuleRef, TypeSpec, ImplMap, FieldRVA.
    &[Word, Row(METHOD), coded(&HAS_SEMANTICS)],
    &[Row(TYPE_DEF), coded(&METHOD_DEF_OR_REF), coded(&METHOD_DEF_OR_REF)],
    &[Text],
    &[Blob],
    &[Word, coded(&MEMBER_FORWARDED), Text, Row(MODULE_REF)],
    &[Long, Row(FIELD)],
    // EncLog, EncMap.
    &[Long, Long],
    &[Long],
    // Assembly, AssemblyProcessor, AssemblyOS.
    &[Long, Word, Word, Word, Word, Long, Blob, Text, Text],
    &[Long],
    &[Long, Long, Long],
    // AssemblyRef, AssemblyRefProcessor, AssemblyRefOS.
    &[Word, Word, Word, Word, Long, Blob, Text, Text, Blob],
    &[Long, Row(ASSEMBLY_REF)],
    &[Long, Long, Long, Row(ASSEMBLY_REF)],
    // File, ExportedType, ManifestResource, NestedClass.
    &[Long, Text, Blob],
    &[Long, Long, Text, Text, coded(&IMPLEMENTATION)],
    &[Long, Long, Text, coded(&IMPLEMENTATION)],
    &[Row(TYPE_DEF), Row(TYPE_DEF)],
    // GenericParam, MethodSpec, GenericParamConstraint.
    &[Word, Word, coded(&TYPE_OR_METHOD_DEF), Text],
    &[coded(&METHOD_DEF_OR_REF), Blob],
    &[Row(GENERIC_PARAM), coded(&TYPE_DEF_OR_REF)],
];
