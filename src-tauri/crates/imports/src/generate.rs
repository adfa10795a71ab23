//! OneRoster 1.1 sets of any size, clean or with known faults: for property tests and measurements.
//!
//! Everything follows from the seed. [`write`] also answers what a check under tolerant rules has to
//! find, computed from what was written and not by the code under test.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Result, Write};
use std::path::Path;

/// A fault that rows can have. Each dirty row has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "named after the rules of docs/imports.md")]
pub enum Dirt {
    // Enrollments.
    OrphanUser,
    OrphanClass,
    BadRole,
    RoleCase,
    RoleSpaces,
    BadDate,
    UsDate,
    UnclearDate,
    EndBeforeBegin,
    CopiedRow,
    CopiedKey,
    MissingCell,
    ExtraCell,
    ExtraEmptyCell,
    BlankUser,
    BlankRow,
    UnclosedQuote,
    TextAfterQuote,
    BadId,
    ExponentId,
    NulByte,
    InvisibleSign,
    PrimaryProctor,
    StatusFilled,
    LostZeros,
    // Users.
    UserBadRole,
    UserBadEmail,
    UserSharedEmail,
    UserNotText,
    UserLineBreak,
    UserOrphanAgent,
    UserGrade,
    // Orgs: the school's people, classes and enrollments fall with it.
    BadSchool,
}

impl Dirt {
    /// Every fault.
    pub const ALL: &[Self] = &[
        Self::OrphanUser,
        Self::OrphanClass,
        Self::BadRole,
        Self::RoleCase,
        Self::RoleSpaces,
        Self::BadDate,
        Self::UsDate,
        Self::UnclearDate,
        Self::EndBeforeBegin,
        Self::CopiedRow,
        Self::CopiedKey,
        Self::MissingCell,
        Self::ExtraCell,
        Self::ExtraEmptyCell,
        Self::BlankUser,
        Self::BlankRow,
        Self::UnclosedQuote,
        Self::TextAfterQuote,
        Self::BadId,
        Self::ExponentId,
        Self::NulByte,
        Self::InvisibleSign,
        Self::PrimaryProctor,
        Self::StatusFilled,
        Self::LostZeros,
        Self::UserBadRole,
        Self::UserBadEmail,
        Self::UserSharedEmail,
        Self::UserNotText,
        Self::UserLineBreak,
        Self::UserOrphanAgent,
        Self::UserGrade,
        Self::BadSchool,
    ];

    fn file(self) -> File {
        match self {
            Self::BadSchool => File::Orgs,
            other if other >= Self::UserBadRole => File::Users,
            _ => File::Enrollments,
        }
    }

    /// The rule that a check names, and what becomes of the row.
    fn effect(self) -> (Option<&'static str>, Fate) {
        match self {
            Self::OrphanUser | Self::OrphanClass | Self::UserOrphanAgent => {
                (Some("no-target"), Fate::Rejected)
            }
            Self::BadRole | Self::UserBadRole | Self::BadSchool => (Some("enum"), Fate::Rejected),
            Self::RoleCase | Self::RoleSpaces | Self::UsDate | Self::NulByte | Self::InvisibleSign => {
                (None, Fate::Fixed)
            }
            Self::LostZeros | Self::UserGrade => (None, Fate::Fixed),
            Self::BadDate => (Some("date"), Fate::Rejected),
            Self::UnclearDate => (Some("date-order-unclear"), Fate::Rejected),
            Self::EndBeforeBegin => (Some("date-order"), Fate::Rejected),
            Self::CopiedRow => (Some("duplicate-row"), Fate::Skipped),
            Self::CopiedKey => (Some("duplicate-key"), Fate::Skipped),
            Self::MissingCell => (Some("missing-cell"), Fate::Rejected),
            Self::ExtraCell => (Some("extra-cell"), Fate::Rejected),
            Self::ExtraEmptyCell => (Some("extra-empty-cell"), Fate::Accepted),
            Self::BlankUser => (Some("required"), Fate::Rejected),
            Self::BlankRow => (Some("blank-row"), Fate::Rejected),
            Self::UnclosedQuote => (Some("unclosed-quote"), Fate::Rejected),
            Self::TextAfterQuote => (Some("text-after-quote"), Fate::Rejected),
            Self::BadId => (Some("id"), Fate::Rejected),
            Self::ExponentId => (Some("scientific"), Fate::Rejected),
            Self::PrimaryProctor => (Some("true-only-for"), Fate::Accepted),
            Self::StatusFilled => (Some("status-in-bulk"), Fate::Accepted),
            Self::UserBadEmail => (Some("email"), Fate::Rejected),
            Self::UserSharedEmail => (Some("shared"), Fate::Accepted),
            Self::UserNotText => (Some("not-text"), Fate::Rejected),
            Self::UserLineBreak => (Some("line-break"), Fate::Accepted),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Accepted,
    Fixed,
    Rejected,
    Skipped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum File {
    Orgs,
    Users,
    Enrollments,
}

/// How large a set is and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Everything follows from it.
    pub seed: u64,
    /// Schools, below one district.
    pub schools: u32,
    /// Courses of each school.
    pub courses: u32,
    /// Classes of each school.
    pub classes: u32,
    /// People of each school; every tenth is a teacher.
    pub users: u32,
    /// Enrollments of each school.
    pub enrollments: u32,
    /// Faults, and how many rows have each (fewer where there are not enough rows).
    pub dirt: Vec<(Dirt, u32)>,
}

impl Set {
    /// A clean set of about so many rows, most of them enrollments, as a district has them.
    #[must_use]
    pub fn of_rows(rows: u32, seed: u64) -> Self {
        let schools = (rows / 10_600).max(1);
        let each = rows / schools;
        let users = (each * 6 / 106).max(10);
        let classes = (each * 2 / 106).max(2);
        let courses = (classes / 4).max(1);
        let enrollments = each.saturating_sub(users + classes + courses).max(1);
        Self { seed, schools, courses, classes, users, enrollments, dirt: Vec::new() }
    }
}

/// What a check under tolerant rules has to answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// By file: accepted, fixed, rejected, skipped.
    pub rows: BTreeMap<String, [u64; 4]>,
    /// By (file, rule): rows with that problem. Rows that fall with others are left out: see
    /// [`Expected::fallen`].
    pub problems: BTreeMap<(String, String), u64>,
    /// Rows that are rejected for what they refer to, of all files.
    pub fallen: u64,
}

impl Expected {
    fn count(&mut self, file: &str, fate: Fate) {
        self.rows.entry(file.to_owned()).or_default()[fate as usize] += 1;
    }

    fn problem(&mut self, file: &str, rule: &str) {
        *self.problems.entry((file.to_owned(), rule.to_owned())).or_default() += 1;
    }
}

/// A small generator of numbers (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.next() % limit }
    }
}

/// An id in the form of a GUID, the same for the same seed, kind and number.
fn guid(seed: u64, kind: u64, number: u64) -> String {
    let mut numbers = Numbers(seed ^ (kind << 56) ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let (a, b) = (numbers.next(), numbers.next());
    format!(
        "{:08X}-{:04X}-{:04X}-{:04X}-{:012X}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xffff,
        b >> 48,
        b & 0xffff_ffff_ffff
    )
}

const ORG: u64 = 1;
const SESSION: u64 = 2;
const COURSE: u64 = 3;
const CLASS: u64 = 4;
const ENROLLMENT: u64 = 6;

/// People have numbers with a zero before them, so that it can be lost.
fn user_id(number: u64) -> String {
    format!("01{number:034}")
}

/// Which rows of each file have which fault.
fn place_dirt(set: &Set, numbers: &mut Numbers) -> [BTreeMap<u64, Dirt>; 3] {
    let mut placed = [BTreeMap::new(), BTreeMap::new(), BTreeMap::new()];
    let schools = u64::from(set.schools);
    let sizes = [schools, schools * u64::from(set.users), schools * u64::from(set.enrollments)];
    for (dirt, count) in &set.dirt {
        let file = dirt.file() as usize;
        // The first person of a school keeps it and shows that the file is UTF-8.
        let size = sizes[file];
        for _ in 0..*count {
            let free = (0..20).map(|_| numbers.below(size)).find(|row| {
                let is_first_user = dirt.file() == File::Users && row % u64::from(set.users.max(1)) == 0;
                !placed[file].contains_key(row) && !is_first_user
            });
            if let Some(row) = free {
                placed[file].insert(row, *dirt);
            }
        }
    }
    placed
}

/// Writes a set into a folder, and answers what a check has to find.
///
/// # Errors
/// Whatever keeps the files from being written.
pub fn write(dir: &Path, set: &Set) -> Result<Expected> {
    // Faults have numbers of their own, so that a dirty set is the clean one with faults in it.
    let [orgs, users, enrollments] = place_dirt(set, &mut Numbers(!set.seed));
    let mut expected = Expected::default();
    manifest(dir, &mut expected)?;
    let bad_schools: BTreeSet<u64> = orgs.keys().copied().collect();
    write_orgs(dir, set, &bad_schools, &mut expected)?;
    sessions(dir, set, &mut expected)?;
    courses(dir, set, &bad_schools, &mut expected)?;
    classes(dir, set, &bad_schools, &mut expected)?;
    let bad_users = write_users(dir, set, &users, &bad_schools, &mut expected)?;
    write_enrollments(dir, set, &enrollments, &bad_schools, &bad_users, &mut expected)?;
    Ok(expected)
}

fn create(dir: &Path, name: &str, header: &str) -> Result<BufWriter<std::fs::File>> {
    let mut file = BufWriter::with_capacity(1 << 20, std::fs::File::create(dir.join(name))?);
    writeln!(file, "sourcedId,status,dateLastModified,{header}")?;
    Ok(file)
}

fn manifest(dir: &Path, expected: &mut Expected) -> Result<()> {
    let kinds = ["academicSessions", "classes", "courses", "enrollments", "orgs", "users"];
    let absent = [
        "categories",
        "classResources",
        "courseResources",
        "demographics",
        "lineItems",
        "resources",
        "results",
    ];
    let mut text = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n".to_owned();
    kinds.iter().for_each(|kind| text += &format!("file.{kind},bulk\n"));
    absent.iter().for_each(|kind| text += &format!("file.{kind},absent\n"));
    let rows = (kinds.len() + absent.len() + 2) as u64;
    expected.rows.insert("manifest.csv".to_owned(), [rows, 0, 0, 0]);
    std::fs::write(dir.join("manifest.csv"), text)
}

fn write_orgs(dir: &Path, set: &Set, bad: &BTreeSet<u64>, expected: &mut Expected) -> Result<()> {
    let mut file = create(dir, "orgs.csv", "name,type,identifier,parentSourcedId")?;
    let district = guid(set.seed, ORG, u64::MAX);
    writeln!(file, "{district},,,The district,district,,")?;
    expected.count("orgs.csv", Fate::Accepted);
    for school in 0..u64::from(set.schools) {
        let kind = if bad.contains(&school) { "castle" } else { "school" };
        writeln!(file, "{},,,School {school},{kind},S{school},{district}", guid(set.seed, ORG, school))?;
        if bad.contains(&school) {
            expected.problem("orgs.csv", "enum");
            expected.count("orgs.csv", Fate::Rejected);
        } else {
            expected.count("orgs.csv", Fate::Accepted);
        }
    }
    file.flush()
}

fn sessions(dir: &Path, set: &Set, expected: &mut Expected) -> Result<()> {
    let header = "title,type,startDate,endDate,parentSourcedId,schoolYear";
    let mut file = create(dir, "academicSessions.csv", header)?;
    let year = guid(set.seed, SESSION, 0);
    writeln!(file, "{year},,,2026-2027,schoolYear,2026-08-17,2027-06-12,,2027")?;
    let (fall, spring) = (guid(set.seed, SESSION, 1), guid(set.seed, SESSION, 2));
    writeln!(file, "{fall},,,Fall,semester,2026-08-17,2026-12-19,{year},2027")?;
    writeln!(file, "{spring},,,Spring,semester,2027-01-04,2027-06-12,{year},2027")?;
    (0..3).for_each(|_| expected.count("academicSessions.csv", Fate::Accepted));
    file.flush()
}

/// A row that is right by itself and falls where its school is bad.
fn count_plain(expected: &mut Expected, name: &str, is_bad: bool) {
    expected.fallen += u64::from(is_bad);
    expected.count(name, if is_bad { Fate::Rejected } else { Fate::Accepted });
}

fn courses(dir: &Path, set: &Set, bad: &BTreeSet<u64>, expected: &mut Expected) -> Result<()> {
    let header = "schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes";
    let mut file = create(dir, "courses.csv", header)?;
    let year = guid(set.seed, SESSION, 0);
    for school in 0..u64::from(set.schools) {
        let org = guid(set.seed, ORG, school);
        for course in 0..u64::from(set.courses) {
            let id = guid(set.seed, COURSE, school << 32 | course);
            writeln!(file, "{id},,,{year},Course {course},C{course},09,{org},Mathematics,02052")?;
            count_plain(expected, "courses.csv", bad.contains(&school));
        }
    }
    file.flush()
}

fn classes(dir: &Path, set: &Set, bad: &BTreeSet<u64>, expected: &mut Expected) -> Result<()> {
    let header = "title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods";
    let mut file = create(dir, "classes.csv", header)?;
    let terms = format!("\"{},{}\"", guid(set.seed, SESSION, 1), guid(set.seed, SESSION, 2));
    for school in 0..u64::from(set.schools) {
        let org = guid(set.seed, ORG, school);
        for class in 0..u64::from(set.classes) {
            let id = guid(set.seed, CLASS, school << 32 | class);
            let course = guid(set.seed, COURSE, school << 32 | (class % u64::from(set.courses.max(1))));
            writeln!(
                file,
                "{id},,,Class {class},09,{course},K{class},scheduled,Room {class},{org},{terms},Mathematics,02052,1"
            )?;
            count_plain(expected, "classes.csv", bad.contains(&school));
        }
    }
    file.flush()
}

fn write_users(
    dir: &Path,
    set: &Set,
    dirt: &BTreeMap<u64, Dirt>,
    bad_schools: &BTreeSet<u64>,
    expected: &mut Expected,
) -> Result<BTreeMap<u64, bool>> {
    let header = "enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password";
    let mut file = create(dir, "users.csv", header)?;
    let mut bad = BTreeMap::new();
    for number in 0..u64::from(set.schools) * u64::from(set.users) {
        let school = number / u64::from(set.users);
        let org = guid(set.seed, ORG, school);
        let dirt = dirt.get(&number).copied();
        let role = match dirt {
            Some(Dirt::UserBadRole) => "wizard",
            _ if number % 10 == 9 => "teacher",
            _ => "student",
        };
        let email = match dirt {
            Some(Dirt::UserBadEmail) => format!("p{number} at example.org"),
            Some(Dirt::UserSharedEmail) => "p0@example.org".to_owned(),
            _ => format!("p{number}@example.org"),
        };
        let agent =
            if dirt == Some(Dirt::UserOrphanAgent) { format!("nobody-{number}") } else { String::new() };
        let grade = if dirt == Some(Dirt::UserGrade) { "9" } else { "09" };
        let middle = if dirt == Some(Dirt::UserLineBreak) { "\"Ann\nLee\"" } else { "Ann" };
        let id = user_id(number);
        write!(file, "{id},,,true,{org},{role},person{number},{{Local:{number}}},")?;
        if dirt == Some(Dirt::UserNotText) {
            file.write_all(b"Ren\xe9")?
        } else {
            write!(file, "René")?
        }
        writeln!(file, ",Family{number},{middle},I{number},{email},,,{agent},{grade},")?;
        let (rule, fate) = dirt.map_or((None, Fate::Accepted), Dirt::effect);
        let is_unread = dirt == Some(Dirt::UserNotText);
        let falls = bad_schools.contains(&school) && !is_unread;
        if let Some(rule) = rule.filter(|rule| *rule != "no-target") {
            expected.problem("users.csv", rule);
        }
        // A row falls with its school and once more with a person who is not there.
        expected.fallen += u64::from(falls) + u64::from(rule == Some("no-target"));
        let fate = if falls { Fate::Rejected } else { fate };
        expected.count("users.csv", fate);
        if fate == Fate::Rejected {
            // Whether for a fault of its own, or for its school or an agent.
            bad.insert(
                number,
                rule.is_some_and(|rule| rule != "no-target")
                    && dirt.is_some_and(|d| d.effect().1 == Fate::Rejected),
            );
        }
    }
    file.flush()?;
    Ok(bad)
}

/// The cells of an enrollment.
struct Enrollment {
    id: String,
    class: String,
    school: String,
    user: String,
    role: String,
    primary: &'static str,
    begin: String,
    end: String,
    status: &'static str,
}

impl Enrollment {
    fn line(&self) -> String {
        let Self { id, class, school, user, role, primary, begin, end, status } = self;
        format!("{id},{status},,{class},{school},{user},{role},{primary},{begin},{end}")
    }
}

fn write_enrollments(
    dir: &Path,
    set: &Set,
    dirt: &BTreeMap<u64, Dirt>,
    bad_schools: &BTreeSet<u64>,
    bad_users: &BTreeMap<u64, bool>,
    expected: &mut Expected,
) -> Result<()> {
    const NAME: &str = "enrollments.csv";
    let mut numbers = Numbers(set.seed);
    let header = "classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate";
    let mut file = create(dir, NAME, header)?;
    let mut copies = Vec::new();
    for number in 0..u64::from(set.schools) * u64::from(set.enrollments) {
        let school = number / u64::from(set.enrollments);
        let user = school * u64::from(set.users) + numbers.below(u64::from(set.users));
        // Rows of a class stand together, as systems export them.
        let class = number % u64::from(set.enrollments) * u64::from(set.classes) / u64::from(set.enrollments);
        let is_teacher = user % 10 == 9;
        let mut row = Enrollment {
            id: guid(set.seed, ENROLLMENT, number),
            class: guid(set.seed, CLASS, school << 32 | class),
            school: guid(set.seed, ORG, school),
            user: user_id(user),
            role: if is_teacher { "teacher" } else { "student" }.to_owned(),
            primary: if is_teacher { "true" } else { "" },
            begin: "2026-08-17".to_owned(),
            end: "2026-12-19".to_owned(),
            status: "",
        };
        let dirt = dirt.get(&number).copied();
        let line = soil(&mut row, dirt, number);
        writeln!(file, "{line}")?;
        let (rule, fate) = dirt.map_or((None, Fate::Accepted), Dirt::effect);
        if fate == Fate::Skipped {
            // The row itself is clean; a copy of it comes at the end.
            copies.push((row, rule));
        } else if let Some(rule) = rule.filter(|rule| *rule != "no-target") {
            expected.problem(NAME, rule);
        }
        let fate = if fate == Fate::Skipped { Fate::Accepted } else { fate };
        // How many causes outside the row it fails for: its school, its person, both or what it lacks.
        let is_unread = matches!(
            dirt,
            Some(
                Dirt::MissingCell
                    | Dirt::ExtraCell
                    | Dirt::BlankRow
                    | Dirt::UnclosedQuote
                    | Dirt::TextAfterQuote
            )
        );
        let by_school = bad_schools.contains(&school) && !is_unread;
        // In a bad school a person who is bad for a fault of its own is a second cause.
        let bad_user = bad_users.get(&user).filter(|by_itself| **by_itself || !by_school);
        let by_user =
            bad_user.is_some() && !is_unread && !matches!(dirt, Some(Dirt::OrphanUser | Dirt::BlankUser));
        let lacks = rule == Some("no-target");
        expected.fallen += u64::from(by_school) + u64::from(by_user) + u64::from(lacks);
        let fate = if by_school || by_user { Fate::Rejected } else { fate };
        expected.count(NAME, fate);
    }
    for (mut row, rule) in copies {
        if rule == Some("duplicate-key") {
            row.end = "2026-12-20".to_owned();
        }
        writeln!(file, "{}", row.line())?;
        expected.count(NAME, Fate::Skipped);
        if let Some(rule) = rule {
            expected.problem(NAME, rule);
        }
    }
    file.flush()
}

/// The line of an enrollment with its fault.
fn soil(row: &mut Enrollment, dirt: Option<Dirt>, number: u64) -> String {
    match dirt {
        Some(Dirt::OrphanUser) => row.user = format!("nobody-{number}"),
        Some(Dirt::OrphanClass) => row.class = format!("nothing-{number}"),
        Some(Dirt::BadRole) => row.role = "wizard".to_owned(),
        Some(Dirt::RoleCase) => row.role = row.role.to_uppercase(),
        Some(Dirt::RoleSpaces) => row.role = format!(" {}\u{a0}", row.role),
        Some(Dirt::BadDate) => row.begin = "2026-02-30".to_owned(),
        Some(Dirt::UsDate) => row.begin = "8/17/2026".to_owned(),
        Some(Dirt::UnclearDate) => row.end = "10/09/2026".to_owned(),
        Some(Dirt::EndBeforeBegin) => row.end = "2026-08-16".to_owned(),
        Some(Dirt::MissingCell) => {
            return row.line().rsplit_once(',').map(|(line, _)| line.to_owned()).unwrap_or_default();
        }
        Some(Dirt::ExtraCell) => return row.line() + ",more",
        Some(Dirt::ExtraEmptyCell) => return row.line() + ",",
        Some(Dirt::BlankUser) => row.user.clear(),
        Some(Dirt::BlankRow) => return ",,,,,,,,,".to_owned(),
        Some(Dirt::UnclosedQuote) => row.end.insert(0, '"'),
        Some(Dirt::TextAfterQuote) => row.role = format!("\"{}\"x", row.role),
        Some(Dirt::BadId) => row.id.push('!'),
        Some(Dirt::ExponentId) => row.id = format!("{}.{number}E+{}", number % 10, number % 90 + 10),
        Some(Dirt::NulByte) => row.role.push('\0'),
        Some(Dirt::InvisibleSign) => row.role.insert(3, '\u{200b}'),
        Some(Dirt::PrimaryProctor) => (row.role, row.primary) = ("proctor".to_owned(), "true"),
        Some(Dirt::StatusFilled) => row.status = "active",
        Some(Dirt::LostZeros) => row.user = row.user.chars().skip(1).collect(),
        _ => {}
    }
    row.line()
}
