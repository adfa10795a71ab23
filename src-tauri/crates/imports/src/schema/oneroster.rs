//! OneRoster 1.0, 1.1 and 1.2, the CSV binding. 1.0 reads as 1.1 with its older labels and without
//! the columns that came later. In 1.2 the words of organisations, sessions, classes, roles and sexes
//! are open: one's own carry the prefix `ext:`. Those of 1.1 are closed.

use super::{Asks, Choice, Column, FileSchema, Holds, Need, Rule, Schema, column, may, must, word, word_or};
use Holds::{
    Date, DateTime, Email, Flag, Grades, Id, List, Ref, Refs, Secret, Text, TypedIds, Word, WordOrExt, Year,
};

const ASKS: Asks = Asks {
    exact_labels: true,
    column_order: true,
    utf8: true,
    one_line_fields: true,
    rows: true,
    manifest: true,
    single: false,
};

/// OneRoster 1.0: no manifest.
pub const V1_0: Schema = Schema {
    format: "oneroster-1.0",
    title: "OneRoster 1.0",
    asks: Asks { manifest: false, column_order: false, ..ASKS },
    files: &[
        ORGS,
        SESSIONS_1_0,
        COURSES_1_0,
        CLASSES_1_0,
        USERS_1_0,
        ENROLLMENTS,
        DEMOGRAPHICS,
        unmodelled("categories"),
        unmodelled("classResources"),
        unmodelled("courseResources"),
        unmodelled("lineItems"),
        unmodelled("resources"),
        unmodelled("results"),
    ],
};

/// OneRoster 1.1.
pub const V1_1: Schema = Schema {
    format: "oneroster-1.1",
    title: "OneRoster 1.1",
    asks: ASKS,
    files: &[
        ORGS,
        SESSIONS,
        COURSES,
        CLASSES,
        USERS_1_1,
        ENROLLMENTS,
        DEMOGRAPHICS,
        unmodelled("categories"),
        unmodelled("classResources"),
        unmodelled("courseResources"),
        unmodelled("lineItems"),
        unmodelled("resources"),
        unmodelled("results"),
    ],
};

/// OneRoster 1.2.
pub const V1_2: Schema = Schema {
    format: "oneroster-1.2",
    title: "OneRoster 1.2",
    asks: ASKS,
    files: &[
        ORGS_1_2,
        SESSIONS_1_2,
        COURSES,
        CLASSES_1_2,
        USERS_1_2,
        PROFILES,
        ROLES,
        ENROLLMENTS_1_2,
        DEMOGRAPHICS_1_2,
        unmodelled("categories"),
        unmodelled("classResources"),
        unmodelled("courseResources"),
        unmodelled("lineItemLearningObjectiveIds"),
        unmodelled("lineItemScoreScales"),
        unmodelled("lineItems"),
        unmodelled("resources"),
        unmodelled("resultLearningObjectiveIds"),
        unmodelled("resultScoreScales"),
        unmodelled("results"),
        unmodelled("scoreScales"),
        unmodelled("userResources"),
    ],
};

const fn unmodelled(kind: &'static str) -> FileSchema {
    FileSchema {
        kind,
        names: &[],
        required: false,
        modelled: false,
        columns: &[],
        key: &[],
        sort: None,
        rules: &[],
    }
}

const STATUS: &[Choice] = &[word("active"), word("tobedeleted")];
const SOURCED_ID: Column = must("sourcedId", Id);
const STATE: Column = column("status", Need::Delta, Word(STATUS));
const MODIFIED: Column = column("dateLastModified", Need::Delta, DateTime);
const KEY: &[&str] = &["sourcedId"];

const ORG_TYPES: &[Choice] =
    &[word("department"), word("school"), word("district"), word("local"), word("state"), word("national")];

const fn orgs(types: Holds) -> [Column; 7] {
    [
        SOURCED_ID,
        STATE,
        MODIFIED,
        must("name", Text),
        must("type", types),
        may("identifier", Text),
        may("parentSourcedId", Ref("orgs")),
    ]
}

const ORGS: FileSchema = FileSchema {
    kind: "orgs",
    names: &["orgs"],
    required: true,
    modelled: true,
    columns: &orgs(Word(ORG_TYPES)),
    key: KEY,
    sort: Some("type"),
    rules: &[Rule::NotItself("parentSourcedId")],
};

const ORGS_1_2: FileSchema = FileSchema { columns: &orgs(WordOrExt(ORG_TYPES)), ..ORGS };

const SESSION_TYPES: &[Choice] = &[word("gradingPeriod"), word("semester"), word("schoolYear"), word("term")];
const SESSION_RULES: &[Rule] =
    &[Rule::DateOrder("startDate", "endDate", true), Rule::NotItself("parentSourcedId")];

const fn sessions(types: Holds, school_year: Column) -> [Column; 9] {
    [
        SOURCED_ID,
        STATE,
        MODIFIED,
        must("title", Text),
        must("type", types),
        must("startDate", Date),
        must("endDate", Date),
        may("parentSourcedId", Ref("academicSessions")),
        school_year,
    ]
}

const SESSIONS: FileSchema = FileSchema {
    kind: "academicSessions",
    names: &["academicsessions"],
    required: true,
    modelled: true,
    columns: &sessions(Word(SESSION_TYPES), must("schoolYear", Year)),
    key: KEY,
    sort: Some("type"),
    rules: SESSION_RULES,
};

const SESSIONS_1_0: FileSchema =
    FileSchema { columns: &sessions(Word(SESSION_TYPES), may("schoolYear", Year)), ..SESSIONS };

const SESSIONS_1_2: FileSchema =
    FileSchema { columns: &sessions(WordOrExt(SESSION_TYPES), must("schoolYear", Year)), ..SESSIONS };

const SUBJECT_LENGTHS: Rule = Rule::SameLength("subjects", "subjectCodes");

const COURSES: FileSchema = FileSchema {
    kind: "courses",
    names: &["courses"],
    required: true,
    modelled: true,
    columns: &[
        SOURCED_ID,
        STATE,
        MODIFIED,
        may("schoolYearSourcedId", Ref("academicSessions")),
        must("title", Text),
        may("courseCode", Text),
        may("grades", Grades),
        must("orgSourcedId", Ref("orgs")),
        may("subjects", List),
        may("subjectCodes", List),
    ],
    key: KEY,
    sort: None,
    rules: &[SUBJECT_LENGTHS, Rule::Sort("schoolYearSourcedId", &["schoolYear"])],
};

const COURSES_1_0: FileSchema = FileSchema {
    columns: &[
        SOURCED_ID,
        STATE,
        MODIFIED,
        may("schoolYearSourcedId", Ref("academicSessions")).or(&["schoolYearId"]),
        must("title", Text),
        may("courseCode", Text),
        may("grades", Grades).or(&["grade"]),
        must("orgSourcedId", Ref("orgs")),
        may("subjects", List),
        may("subjectCodes", List),
    ],
    ..COURSES
};

const CLASS_TYPES: &[Choice] = &[word("homeroom"), word("scheduled")];

const fn classes(types: Holds, grades: Column, terms: Column) -> [Column; 14] {
    [
        SOURCED_ID,
        STATE,
        MODIFIED,
        must("title", Text),
        grades,
        must("courseSourcedId", Ref("courses")),
        may("classCode", Text),
        must("classType", types),
        may("location", Text),
        must("schoolSourcedId", Ref("orgs")),
        terms,
        may("subjects", List),
        may("subjectCodes", List),
        may("periods", List),
    ]
}

const TERMS: Column = must("termSourcedIds", Refs("academicSessions"));

const CLASSES: FileSchema = FileSchema {
    kind: "classes",
    names: &["classes"],
    required: true,
    modelled: true,
    columns: &classes(Word(CLASS_TYPES), GRADES, TERMS),
    key: KEY,
    sort: None,
    rules: &[SUBJECT_LENGTHS, Rule::Sort("schoolSourcedId", &["school"])],
};

const CLASSES_1_0: FileSchema = FileSchema {
    columns: &classes(Word(CLASS_TYPES), GRADES.or(&["grade"]), TERMS.or(&["termSourcedId"])),
    ..CLASSES
};

const CLASSES_1_2: FileSchema =
    FileSchema { columns: &classes(WordOrExt(CLASS_TYPES), GRADES, TERMS), ..CLASSES };

const ROLE: &[Choice] = &[
    word_or("administrator", &["admin"]),
    word("aide"),
    word("guardian"),
    word("parent"),
    word("proctor"),
    word("relative"),
    word_or("student", &["pupil", "learner"]),
    word("teacher"),
];

const ENABLED: Column = must("enabledUser", Flag);
const USER_ORGS: Column = must("orgSourcedIds", Refs("orgs"));
const USER_ROLE: Column = must("role", Word(ROLE));
const USERNAME: Column = must("username", Text).personal();
const USER_IDS: Column = may("userIds", TypedIds).personal();
const GIVEN: Column = must("givenName", Text).personal();
const FAMILY: Column = must("familyName", Text).personal();
const MIDDLE: Column = may("middleName", Text).personal();
const IDENTIFIER: Column = may("identifier", Text).personal();
const EMAIL: Column = may("email", Email).personal();
const SMS: Column = may("sms", Text).personal();
const PHONE: Column = may("phone", Text).personal();
const AGENTS: Column = may("agentSourcedIds", Refs("users"));
const GRADES: Column = may("grades", Grades);
const PASSWORD: Column = may("password", Secret).personal();

const USERS_1_1: FileSchema = FileSchema {
    kind: "users",
    names: &["users"],
    required: true,
    modelled: true,
    columns: &[
        SOURCED_ID, STATE, MODIFIED, ENABLED, USER_ORGS, USER_ROLE, USERNAME, USER_IDS, GIVEN, FAMILY,
        MIDDLE, IDENTIFIER, EMAIL, SMS, PHONE, AGENTS, GRADES, PASSWORD,
    ],
    key: KEY,
    sort: Some("role"),
    rules: &[Rule::Shared("username"), Rule::Shared("email"), Rule::NotItself("agentSourcedIds")],
};

const USERS_1_0: FileSchema = FileSchema {
    columns: &[
        SOURCED_ID,
        STATE,
        MODIFIED,
        may("enabledUser", Flag),
        USER_ORGS,
        USER_ROLE,
        USERNAME,
        may("userIds", Text).or(&["userId"]).personal(),
        GIVEN,
        FAMILY,
        MIDDLE,
        IDENTIFIER,
        EMAIL,
        SMS,
        PHONE,
        AGENTS.or(&["agents"]),
        GRADES.or(&["grade"]),
        PASSWORD,
    ],
    ..USERS_1_1
};

const USERS_1_2: FileSchema = FileSchema {
    columns: &[
        SOURCED_ID,
        STATE,
        MODIFIED,
        ENABLED,
        USERNAME,
        USER_IDS,
        GIVEN,
        FAMILY,
        MIDDLE,
        IDENTIFIER,
        EMAIL,
        SMS,
        PHONE,
        AGENTS,
        GRADES,
        PASSWORD,
        may("userMasterIdentifier", Text).personal(),
        may("resourceSourcedIds", List),
        may("preferredGivenName", Text).personal(),
        may("preferredMiddleName", Text).personal(),
        may("preferredFamilyName", Text).personal(),
        may("primaryOrgSourcedId", Ref("orgs")),
        may("pronouns", Text).personal(),
    ],
    sort: None,
    ..USERS_1_1
};

const PROFILES: FileSchema = FileSchema {
    kind: "userProfiles",
    names: &["userprofiles"],
    required: false,
    modelled: true,
    columns: &[
        SOURCED_ID,
        STATE,
        MODIFIED,
        must("userSourcedId", Ref("users")),
        must("profileType", Text),
        must("vendorId", Text),
        may("applicationId", Text),
        may("description", Text),
        must("credentialType", Text),
        must("username", Text).personal(),
        may("password", Secret).personal(),
    ],
    key: KEY,
    sort: None,
    rules: &[],
};

const ROLES: FileSchema = FileSchema {
    kind: "roles",
    names: &["roles"],
    required: true,
    modelled: true,
    columns: &[
        SOURCED_ID,
        STATE,
        MODIFIED,
        must("userSourcedId", Ref("users")),
        must("roleType", Word(&[word("primary"), word("secondary")])),
        must(
            "role",
            WordOrExt(&[
                word("aide"),
                word("counselor"),
                word("districtAdministrator"),
                word("guardian"),
                word("parent"),
                word("principal"),
                word("proctor"),
                word("relative"),
                word("siteAdministrator"),
                word("student"),
                word("systemAdministrator"),
                word("teacher"),
            ]),
        ),
        may("beginDate", Date),
        may("endDate", Date),
        must("orgSourcedId", Ref("orgs")),
        may("userProfileSourcedId", Ref("userProfiles")),
    ],
    key: KEY,
    sort: None,
    rules: &[
        Rule::Once(&["userSourcedId", "orgSourcedId"], Some(("roleType", "primary"))),
        Rule::DateOrder("beginDate", "endDate", false),
    ],
};

const ENROLLED_AS: &[Choice] = &[word("administrator"), word("proctor"), word("student"), word("teacher")];

const fn enrollments(roles: Holds) -> [Column; 10] {
    [
        SOURCED_ID,
        STATE,
        MODIFIED,
        must("classSourcedId", Ref("classes")),
        must("schoolSourcedId", Ref("orgs")),
        must("userSourcedId", Ref("users")),
        must("role", roles),
        may("primary", Flag),
        may("beginDate", Date),
        may("endDate", Date),
    ]
}

const ENROLLMENTS: FileSchema = FileSchema {
    kind: "enrollments",
    names: &["enrollments"],
    required: true,
    modelled: true,
    columns: &enrollments(Word(ENROLLED_AS)),
    key: KEY,
    sort: None,
    rules: &[
        Rule::DateOrder("beginDate", "endDate", false),
        Rule::TrueOnlyFor("primary", "role", "teacher"),
        Rule::Sort("schoolSourcedId", &["school"]),
        Rule::SortWhen("userSourcedId", ("role", "student"), &["student"]),
        Rule::SortWhen(
            "userSourcedId",
            ("role", "teacher"),
            &["teacher", "administrator", "aide", "proctor"],
        ),
        Rule::Agrees("classSourcedId", "schoolSourcedId", "schoolSourcedId"),
    ],
};

const ENROLLMENTS_1_2: FileSchema =
    FileSchema { columns: &enrollments(WordOrExt(ENROLLED_AS)), ..ENROLLMENTS };

const SEX: &[Choice] = &[word_or("male", &["m"]), word_or("female", &["f"])];
const SEX_1_2: &[Choice] =
    &[word_or("male", &["m"]), word_or("female", &["f"]), word("unspecified"), word("other")];

const fn demographics(sex: Holds) -> [Column; 16] {
    [
        must("sourcedId", Ref("users")),
        STATE,
        MODIFIED,
        may("birthDate", Date).personal(),
        may("sex", sex).personal(),
        may("americanIndianOrAlaskaNative", Flag).personal(),
        may("asian", Flag).personal(),
        may("blackOrAfricanAmerican", Flag).personal(),
        may("nativeHawaiianOrOtherPacificIslander", Flag).personal(),
        may("white", Flag).personal(),
        may("demographicRaceTwoOrMoreRaces", Flag).personal(),
        may("hispanicOrLatinoEthnicity", Flag).personal(),
        may("countryOfBirthCode", Text).personal(),
        may("stateOfBirthAbbreviation", Text).personal(),
        may("cityOfBirth", Text).personal(),
        may("publicSchoolResidenceStatus", Text).personal(),
    ]
}

const DEMOGRAPHICS: FileSchema = FileSchema {
    kind: "demographics",
    names: &["demographics"],
    required: false,
    modelled: true,
    columns: &demographics(Word(SEX)),
    key: KEY,
    sort: None,
    rules: &[],
};

const DEMOGRAPHICS_1_2: FileSchema =
    FileSchema { columns: &demographics(WordOrExt(SEX_1_2)), ..DEMOGRAPHICS };
