//! Single tables: the school files of the first go-live, accounts of pilot ministries, participants
//! of workshops, and cases of ethics lines. Their labels are found by name, in any order and case.

use super::{Asks, Choice, Column, FileSchema, Holds, Rule, Schema, label, may, must, word, word_or};
use Holds::{AnyCaseFlag, Date, Email, List, Text, Word};

const ASKS: Asks = Asks {
    exact_labels: false,
    column_order: false,
    utf8: false,
    one_line_fields: false,
    rows: true,
    manifest: false,
    single: true,
};

const FIRST: Column = must("first_name", Text).personal().or(&[
    "given name",
    "forename",
    "first",
    "vorname",
    "prénom",
    "nombre",
]);
const LAST: Column = must("last_name", Text).personal().or(&[
    "family name",
    "surname",
    "last",
    "nachname",
    "apellido",
    "apellidos",
]);
const MIDDLE: Column = may("middle_name", Text).personal().or(&["second name", "middle initial"]);
const EMAIL_LABELS: &[&str] =
    &["e-mail", "email address", "mail", "e-mail address", "correo electrónico", "courriel"];
const PHONE: Column =
    may("phone", Text).personal().or(&["phone number", "telephone", "mobile", "contact number", "telefon"]);
const GENDER: &[Choice] =
    &[word_or("male", &["m", "boy"]), word_or("female", &["f", "girl"]), word("other"), word("unspecified")];
const GENDER_COLUMN: Column = may("gender", Word(GENDER)).personal().or(&["sex"]);
const BORN: Column =
    may("date_of_birth", Date).personal().or(&["dob", "birth date", "birthday", "born", "geburtsdatum"]);

/// Students of a school.
pub const STUDENTS: Schema =
    Schema { format: "school-students", title: "Students of a school", asks: ASKS, files: &[STUDENTS_FILE] };

const STUDENTS_FILE: FileSchema = FileSchema {
    kind: "students",
    names: &["students", "student", "pupils", "learners"],
    required: true,
    modelled: true,
    columns: &[
        must("student_id", Text).or(&[
            "student number",
            "student no",
            "admission number",
            "admission no",
            "pupil id",
            "learner id",
            "roll number",
            "registration number",
        ]),
        FIRST,
        LAST,
        MIDDLE,
        may("email", Email).personal().or(EMAIL_LABELS),
        BORN,
        GENDER_COLUMN,
        may("grade", Text).or(&["grade level", "year group", "form", "level"]),
        may("class", Text).or(&["class id", "class name", "section", "homeroom", "stream"]),
        PHONE,
        may("guardian_name", Text).personal().or(&["parent name", "parent", "guardian"]),
        may("guardian_email", Email).personal().or(&["parent email"]),
        may("guardian_phone", Text).personal().or(&["parent phone"]),
        may("username", Text).personal(),
        may("address", Text).personal(),
        may("enrollment_date", Date).or(&["admission date", "enrolment date"]),
        may("status", Text),
    ],
    key: &["student_id"],
    sort: None,
    rules: &[Rule::Shared("email")],
};

/// Teachers of a school.
pub const TEACHERS: Schema =
    Schema { format: "school-teachers", title: "Teachers of a school", asks: ASKS, files: &[TEACHERS_FILE] };

const TEACHERS_FILE: FileSchema = FileSchema {
    kind: "teachers",
    names: &["teachers", "teacher"],
    required: true,
    modelled: true,
    columns: &[
        must("teacher_id", Text).or(&[
            "teacher number",
            "employee id",
            "employee number",
            "employee no",
            "staff number",
        ]),
        FIRST,
        LAST,
        MIDDLE,
        may("email", Email).personal().or(EMAIL_LABELS),
        PHONE,
        may("subject", Text).or(&["subjects", "subject name", "specialization", "specialisation"]),
        may("department", Text),
        may("qualification", Text).or(&["qualifications"]),
        may("title", Text),
        BORN,
        GENDER_COLUMN,
        may("username", Text).personal(),
        may("hire_date", Date).or(&["joining date", "date joined", "start date"]),
        may("status", Text),
    ],
    key: &["teacher_id"],
    sort: None,
    rules: &[Rule::Shared("email")],
};

/// Classes of a school.
pub const CLASSES: Schema =
    Schema { format: "school-classes", title: "Classes of a school", asks: ASKS, files: &[CLASSES_FILE] };

const CLASSES_FILE: FileSchema = FileSchema {
    kind: "classes",
    names: &["classes", "class"],
    required: true,
    modelled: true,
    columns: &[
        must("class_id", Text).or(&["class code", "class number"]),
        must("name", Text).or(&["class name", "class", "title"]),
        may("grade", Text).or(&["grade level", "year group", "level"]),
        may("section", Text).or(&["stream"]),
        may("teacher_id", Text).or(&["class teacher", "class teacher id", "homeroom teacher", "teacher"]),
        may("subject", Text).or(&["subject code", "subject id"]),
        may("room", Text).or(&["location", "classroom"]),
        may("capacity", Text).or(&["size", "max students"]),
        may("academic_year", Text).or(&["school year", "year", "session"]),
    ],
    key: &["class_id"],
    sort: None,
    rules: &[],
};

/// Subjects of a school.
pub const SUBJECTS: Schema =
    Schema { format: "school-subjects", title: "Subjects of a school", asks: ASKS, files: &[SUBJECTS_FILE] };

const SUBJECTS_FILE: FileSchema = FileSchema {
    kind: "subjects",
    names: &["subjects", "subject"],
    required: true,
    modelled: true,
    columns: &[
        must("subject_code", Text).or(&["subject id", "code"]),
        must("name", Text).or(&["subject name", "subject", "title"]),
        may("description", Text),
        may("department", Text),
        may("grade", Text).or(&["grade level", "grades", "level"]),
        may("credits", Text).or(&["credit hours"]),
        may("type", Text).or(&["category"]),
    ],
    key: &["subject_code"],
    sort: None,
    rules: &[],
};

/// Accounts of a pilot ministry.
pub const ACCOUNTS: Schema = Schema {
    format: "accounts",
    title: "Accounts",
    asks: ASKS,
    files: &[FileSchema {
        kind: "accounts",
        names: &["accounts", "users", "pilot_users", "people"],
        required: true,
        modelled: true,
        columns: &[
            must("email", Email).personal().or(EMAIL_LABELS),
            FIRST,
            LAST,
            must("organization", Text).or(&["organisation", "org", "ministry", "agency", "moa"]),
            must("role", Text).or(&["user role"]),
            PHONE,
            may("department", Text).or(&["division", "unit", "office"]),
            may("position", Text).or(&["job title", "designation", "title"]),
        ],
        key: &["email"],
        sort: None,
        rules: &[],
    }],
};

/// Participants of a workshop.
pub const PARTICIPANTS: Schema = Schema {
    format: "participants",
    title: "Workshop participants",
    asks: ASKS,
    files: &[FileSchema {
        kind: "participants",
        names: &["participants", "participant", "attendees", "roster", "participant_roster"],
        required: true,
        modelled: true,
        columns: &[
            must("email", Email).personal().or(EMAIL_LABELS),
            FIRST,
            LAST,
            label("stakeholder_type", Text).or(&[
                "stakeholder",
                "stakeholder group",
                "type of stakeholder",
                "sector",
            ]),
            label("province", Text).or(&["provinces", "assigned province"]),
            may("region", Text),
            may("municipality", Text).or(&["city", "town"]),
            may("organization", Text).or(&["organisation", "org", "affiliation", "agency", "office"]),
            may("position", Text).or(&["job title", "designation", "title"]),
            PHONE,
            may("username", Text).personal(),
            may("workshop", Text).or(&["workshops", "assessment"]),
        ],
        key: &["email"],
        sort: None,
        rules: &[],
    }],
};

const SUBSTANTIATION: &[Choice] = &[
    word("Undetermined"),
    word("Unsubstantiated"),
    word_or("Partially-substantiated", &["partially substantiated", "partially_substantiated"]),
    word("Substantiated"),
];

/// Cases of an ethics line.
pub const CASES: Schema = Schema {
    format: "ethics-cases",
    title: "Cases of an ethics line",
    asks: ASKS,
    files: &[FileSchema {
        kind: "cases",
        names: &["cases", "case", "ethics_cases", "case_export"],
        required: true,
        modelled: true,
        columns: &[
            must("case_categories", List).or(&[
                "case category",
                "categories",
                "category",
                "issue type",
                "fallkategorien",
                "catégories",
                "categorías",
            ]),
            must("case_status", Text).or(&["status", "state", "fallstatus", "statut", "estado"]),
            must("event_description", Text).personal().or(&[
                "description",
                "details",
                "report",
                "what happened",
                "ereignisbeschreibung",
                "beschreibung",
                "descripción",
            ]),
            must("reporter_anonymous", AnyCaseFlag).or(&[
                "anonymous",
                "is anonymous",
                "anonymous reporter",
                "anonym",
                "anónimo",
                "anonyme",
            ]),
            must("submission_date", Date).or(&[
                "submitted",
                "submitted date",
                "date submitted",
                "received",
                "received date",
                "report date",
                "eingangsdatum",
            ]),
            label("closed_date", Date).or(&[
                "closed",
                "date closed",
                "close date",
                "closing date",
                "abschlussdatum",
            ]),
            label("substantiation_status", Word(SUBSTANTIATION)).or(&[
                "substantiation",
                "outcome",
                "finding",
            ]),
            may("original_case_id", Text).or(&[
                "case id",
                "case number",
                "case no",
                "case ref",
                "reference",
                "id",
                "fallnummer",
            ]),
            may("name", Text).personal().or(&["case name", "title", "subject"]),
            may("summary", Text).personal().or(&["case summary"]),
            may("lead", Text).personal().or(&[
                "case lead",
                "investigator",
                "assignee",
                "case manager",
                "owner",
            ]),
            may("created_date", Date).or(&["created", "date created", "opened", "opened date"]),
            may("event_date", Date).personal().or(&[
                "incident date",
                "date of event",
                "occurred",
                "ereignisdatum",
            ]),
            may("investigating_date", Date).or(&["investigation date", "investigation started"]),
            may("location", Text).personal().or(&["site", "incident location", "ort"]),
        ],
        key: &["original_case_id"],
        sort: None,
        rules: &[
            Rule::DateOrder("submission_date", "closed_date", false),
            Rule::DateOrder("created_date", "closed_date", false),
            Rule::DateOrder("event_date", "closed_date", false),
            Rule::DateOrder("investigating_date", "closed_date", false),
        ],
    }],
};

/// The school files together in one folder; reported as `school-students`.
pub const SCHOOL_SET: Schema = Schema {
    format: "school-students",
    title: "Files of a school",
    asks: ASKS,
    files: &[
        FileSchema { required: false, ..SUBJECTS_FILE },
        FileSchema { required: false, ..TEACHERS_FILE },
        FileSchema { required: false, ..CLASSES_FILE },
        FileSchema { required: false, ..STUDENTS_FILE },
    ],
};
