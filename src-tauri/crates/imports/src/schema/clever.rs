//! Clever's SFTP files, as its guide for data providers describes them: exact names and labels, any
//! order of columns, the first of two equal ids counts.

use super::{Asks, Choice, Column, FileSchema, Holds, Rule, Schema, may, must, word, word_or};
use Holds::{Email, Ref, Secret, Text, UsDate, Word, Year};

/// Clever.
pub const CLEVER: Schema = Schema {
    format: "clever",
    title: "Clever SFTP",
    asks: Asks {
        exact_labels: true,
        column_order: false,
        utf8: true,
        one_line_fields: false,
        rows: true,
        manifest: false,
        single: false,
    },
    files: &[SCHOOLS, STUDENTS, TEACHERS, STAFF, SECTIONS, ENROLLMENTS],
};

const SCHOOL: Column = must("School_id", Ref("schools"));

const SCHOOLS: FileSchema = FileSchema {
    kind: "schools",
    names: &["schools"],
    required: true,
    modelled: true,
    columns: &[
        must("School_id", Text),
        must("School_name", Text),
        may("School_number", Text),
        may("State_id", Text),
        may("Low_grade", Text),
        may("High_grade", Text),
        may("Principal", Text).personal(),
        may("Principal_email", Email).personal(),
        may("School_address", Text),
        may("School_city", Text),
        may("School_state", Text),
        may("School_zip", Text),
        may("School_phone", Text),
    ],
    key: &["School_id"],
    sort: None,
    rules: &[],
};

const GENDER: &[Choice] = &[word_or("M", &["male"]), word_or("F", &["female"]), word("X")];

const STUDENTS: FileSchema = FileSchema {
    kind: "students",
    names: &["students"],
    required: true,
    modelled: true,
    columns: &[
        SCHOOL,
        must("Student_id", Text),
        may("Student_number", Text),
        may("State_id", Text),
        must("Last_name", Text).personal(),
        may("Middle_name", Text).personal(),
        must("First_name", Text).personal(),
        may("Grade", Text),
        may("Gender", Word(GENDER)).personal(),
        may("Graduation_year", Year),
        may("DOB", UsDate).personal(),
        may("Race", Text).personal(),
        may("Hispanic_Latino", Text).personal(),
        may("Home_language", Text).personal(),
        may("Ell_status", Text).personal(),
        may("Frl_status", Text).personal(),
        may("IEP_status", Text).personal(),
        may("Student_street", Text).personal(),
        may("Student_city", Text).personal(),
        may("Student_state", Text).personal(),
        may("Student_zip", Text).personal(),
        may("Student_email", Email).personal(),
        may("Contact_relationship", Text).personal(),
        may("Contact_type", Text).personal(),
        may("Contact_name", Text).personal(),
        may("Contact_phone", Text).personal(),
        may("Contact_phone_type", Text).personal(),
        may("Contact_email", Email).personal(),
        may("Contact_sis_id", Text).personal(),
        may("Username", Text).personal(),
        may("Password", Secret).personal(),
        may("Unweighted_gpa", Text).personal(),
        may("Weighted_gpa", Text).personal(),
    ],
    key: &["Student_id"],
    sort: None,
    rules: &[Rule::Shared("Student_email")],
};

const TEACHERS: FileSchema = FileSchema {
    kind: "teachers",
    names: &["teachers"],
    required: true,
    modelled: true,
    columns: &[
        SCHOOL,
        must("Teacher_id", Text),
        may("Teacher_number", Text),
        may("State_teacher_id", Text),
        may("Teacher_email", Email).personal(),
        must("First_name", Text).personal(),
        may("Middle_name", Text).personal(),
        must("Last_name", Text).personal(),
        may("Title", Text),
        may("Username", Text).personal(),
        may("Password", Secret).personal(),
    ],
    key: &["Teacher_id"],
    sort: None,
    rules: &[Rule::Shared("Teacher_email")],
};

const STAFF: FileSchema = FileSchema {
    kind: "staff",
    names: &["staff"],
    required: false,
    modelled: true,
    columns: &[
        SCHOOL,
        must("Staff_id", Text),
        may("Staff_email", Email).personal(),
        must("First_name", Text).personal(),
        must("Last_name", Text).personal(),
        may("Department", Text),
        may("Title", Text),
        may("Username", Text).personal(),
        may("Password", Secret).personal(),
        may("Role", Text),
    ],
    key: &["Staff_id"],
    sort: None,
    rules: &[Rule::Shared("Staff_email")],
};

const SECTIONS: FileSchema = FileSchema {
    kind: "sections",
    names: &["sections"],
    required: true,
    modelled: true,
    columns: &[
        SCHOOL,
        must("Section_id", Text),
        must("Teacher_id", Ref("teachers")),
        may("Teacher_2_id", Ref("teachers")),
        may("Teacher_3_id", Ref("teachers")),
        may("Teacher_4_id", Ref("teachers")),
        may("Teacher_5_id", Ref("teachers")),
        may("Teacher_6_id", Ref("teachers")),
        may("Teacher_7_id", Ref("teachers")),
        may("Teacher_8_id", Ref("teachers")),
        may("Teacher_9_id", Ref("teachers")),
        may("Teacher_10_id", Ref("teachers")),
        may("Name", Text),
        may("Section_number", Text),
        may("Grade", Text),
        may("Course_name", Text),
        may("Course_number", Text),
        may("Course_description", Text),
        may("Period", Text),
        may("Subject", Text),
        may("Term_name", Text),
        may("Term_start", UsDate),
        may("Term_end", UsDate),
    ],
    key: &["Section_id"],
    sort: None,
    rules: &[Rule::DateOrder("Term_start", "Term_end", false)],
};

const ENROLLMENTS: FileSchema = FileSchema {
    kind: "enrollments",
    names: &["enrollments"],
    required: true,
    modelled: true,
    columns: &[SCHOOL, must("Section_id", Ref("sections")), must("Student_id", Ref("students"))],
    key: &["School_id", "Section_id", "Student_id"],
    sort: None,
    rules: &[],
};
