//! Microsoft School Data Sync, CSV format 2.1: labels to the letter, words in any case.

use super::{Asks, Choice, FileSchema, Holds, Rule, Schema, label, may, must, word};
use Holds::{AnyCase, AnyCaseFlag, Date, Email, List, Ref, Refs, Secret, Text, Year};

/// School Data Sync 2.1.
pub const SDS_2_1: Schema = Schema {
    format: "sds-2.1",
    title: "Microsoft School Data Sync 2.1",
    asks: Asks {
        exact_labels: true,
        column_order: false,
        utf8: true,
        one_line_fields: true,
        rows: false,
        manifest: false,
        single: false,
    },
    files: &[ORGS, SESSIONS, COURSES, USERS, ROLES, CLASSES, ENROLLMENTS, DEMOGRAPHICS, FLAGS, RELATIONSHIPS],
};

const ORGS: FileSchema = FileSchema {
    kind: "orgs",
    names: &["orgs"],
    required: true,
    modelled: true,
    columns: &[
        must("sourcedId", Text),
        must("name", Text),
        must("type", Text),
        may("parentSourcedId", Ref("orgs")),
    ],
    key: &["sourcedId"],
    sort: None,
    rules: &[Rule::NotItself("parentSourcedId")],
};

const SESSIONS: FileSchema = FileSchema {
    kind: "academicSessions",
    names: &["academicsessions"],
    required: false,
    modelled: true,
    columns: &[
        must("sourcedId", Text),
        must("title", Text),
        must("type", Text),
        must("schoolYear", Year),
        must("startDate", Date),
        must("endDate", Date),
        may("parentSourcedId", Ref("academicSessions")),
    ],
    key: &["sourcedId"],
    sort: None,
    rules: &[Rule::DateOrder("startDate", "endDate", true)],
};

const COURSES: FileSchema = FileSchema {
    kind: "courses",
    names: &["courses"],
    required: false,
    modelled: true,
    columns: &[
        must("sourcedId", Text),
        must("orgSourcedId", Ref("orgs")),
        must("title", Text),
        may("code", Text),
        may("schoolYearSourcedId", Ref("academicSessions")),
        may("subject", Text),
        may("grade", Text),
    ],
    key: &["sourcedId"],
    sort: None,
    rules: &[],
};

const USERS: FileSchema = FileSchema {
    kind: "users",
    names: &["users"],
    required: true,
    modelled: true,
    columns: &[
        must("sourcedId", Text),
        must("username", Text).personal(),
        may("givenName", Text).personal(),
        may("familyName", Text).personal(),
        may("password", Secret).personal(),
        may("activeDirectoryMatchId", Text).personal(),
        may("email", Email).personal(),
        may("phone", Text).personal(),
        may("sms", Text).personal(),
    ],
    key: &["sourcedId"],
    sort: None,
    rules: &[Rule::Shared("username"), Rule::Shared("email")],
};

const ROLE: &[Choice] = &[
    word("principal"),
    word("chair"),
    word("professor"),
    word("researcher"),
    word("adjunct"),
    word("affiliate"),
    word("occupationalTherapist"),
    word("physicalTherapist"),
    word("speechTherapist"),
    word("visionTherapist"),
    word("paraprofessional"),
    word("specialServices"),
    word("advisor"),
    word("proctor"),
    word("nurse"),
    word("officeStaff"),
    word("lecturer"),
    word("itAdmin"),
    word("administrator"),
    word("teacher"),
    word("faculty"),
    word("staff"),
    word("teacherAssistant"),
    word("assistant"),
    word("instructor"),
    word("substitute"),
    word("coach"),
    word("alumni"),
    word("student"),
    word("other"),
];

const ROLES: FileSchema = FileSchema {
    kind: "roles",
    names: &["roles"],
    required: true,
    modelled: true,
    columns: &[
        must("userSourcedId", Ref("users")),
        must("orgSourcedId", Ref("orgs")),
        must("role", AnyCase(ROLE)),
        may("sessionSourcedId", Ref("academicSessions")),
        may("grade", Text),
        may("isPrimary", AnyCaseFlag),
        may("roleStartDate", Date),
        may("roleEndDate", Date),
    ],
    key: &["userSourcedId", "orgSourcedId", "role"],
    sort: None,
    rules: &[Rule::DateOrder("roleStartDate", "roleEndDate", false)],
};

const CLASSES: FileSchema = FileSchema {
    kind: "classes",
    names: &["classes"],
    required: false,
    modelled: true,
    columns: &[
        must("sourcedId", Text),
        must("orgSourcedId", Ref("orgs")),
        must("title", Text),
        label("sessionSourcedIds", Refs("academicSessions")),
        may("courseSourcedId", Ref("courses")),
        may("code", Text),
    ],
    key: &["sourcedId"],
    sort: None,
    rules: &[],
};

const ENROLLMENTS: FileSchema = FileSchema {
    kind: "enrollments",
    names: &["enrollments"],
    required: false,
    modelled: true,
    columns: &[
        must("classSourcedId", Ref("classes")),
        must("userSourcedId", Ref("users")),
        must("role", AnyCase(ROLE)),
    ],
    key: &["classSourcedId", "userSourcedId", "role"],
    sort: None,
    rules: &[],
};

const DEMOGRAPHICS: FileSchema = FileSchema {
    kind: "demographics",
    names: &["demographics"],
    required: false,
    modelled: true,
    columns: &[
        must("userSourcedId", Ref("users")),
        may("sex", Text).personal(),
        may("birthDate", Date).personal(),
        may("birthCity", Text).personal(),
        may("birthState", Text).personal(),
        may("birthCountry", Text).personal(),
        may("ethnicityCodes", List).personal(),
        may("raceCodes", List).personal(),
    ],
    key: &["userSourcedId"],
    sort: None,
    rules: &[],
};

const FLAGS: FileSchema = FileSchema {
    kind: "userFlags",
    names: &["userflags"],
    required: false,
    modelled: true,
    columns: &[must("userSourcedId", Ref("users")), must("flag", Text).personal()],
    key: &["userSourcedId", "flag"],
    sort: None,
    rules: &[],
};

const RELATIONSHIPS: FileSchema = FileSchema {
    kind: "relationships",
    names: &["relationships"],
    required: false,
    modelled: true,
    columns: &[
        must("userSourcedId", Ref("users")),
        must("relationshipUserSourcedId", Ref("users")),
        must("relationshipRole", Text).personal(),
    ],
    key: &["userSourcedId", "relationshipUserSourcedId"],
    sort: None,
    rules: &[],
};
