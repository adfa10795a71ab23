"""What a check asks of a OneRoster 1.1 set, as queries of DuckDB: prints how many rows and faults."""

import sys

import duckdb

folder = sys.argv[1]
db = duckdb.connect()
files = ["orgs", "academicSessions", "courses", "classes", "users", "enrollments"]
for name in files:
    db.execute(f"create table {name} as select * from read_csv('{folder}/{name}.csv', header=true, all_varchar=true)")

ROLES = "('administrator', 'aide', 'guardian', 'parent', 'proctor', 'relative', 'student', 'teacher')"
REFERENCES = [
    ("orgs", "parentSourcedId", "orgs"),
    ("academicSessions", "parentSourcedId", "academicSessions"),
    ("courses", "schoolYearSourcedId", "academicSessions"),
    ("courses", "orgSourcedId", "orgs"),
    ("classes", "courseSourcedId", "courses"),
    ("classes", "schoolSourcedId", "orgs"),
    ("enrollments", "classSourcedId", "classes"),
    ("enrollments", "schoolSourcedId", "orgs"),
    ("enrollments", "userSourcedId", "users"),
]
RULES = [
    ("orgs", "type not in ('department', 'school', 'district', 'local', 'state', 'national')"),
    ("academicSessions", "type not in ('gradingPeriod', 'semester', 'schoolYear', 'term')"),
    ("academicSessions", "try_cast(startDate as date) is null or try_cast(endDate as date) is null"),
    ("academicSessions", "endDate < startDate"),
    ("classes", "classType not in ('homeroom', 'scheduled')"),
    ("users", f"role not in {ROLES}"),
    ("users", "enabledUser not in ('true', 'false')"),
    ("users", "email is not null and not regexp_matches(email, '^[^@ ]+@[^@ ]+[.][^@ ]+$')"),
    ("users", "username is null or givenName is null or familyName is null"),
    ("enrollments", f"role not in {ROLES}"),
    ("enrollments", "beginDate is not null and try_cast(beginDate as date) is null"),
    ("enrollments", "endDate is not null and try_cast(endDate as date) is null"),
    ("enrollments", "endDate < beginDate"),
    ("enrollments", "\"primary\" = 'true' and role <> 'teacher'"),
]
faults = 0
rows = 0
for name in files:
    rows += db.execute(f"select count(*) from {name}").fetchone()[0]
    repeated = f"select count(*) from (select sourcedId from {name} group by 1 having count(*) > 1 or sourcedId is null)"
    faults += db.execute(repeated).fetchone()[0]
for name, column, there in REFERENCES:
    lost = f"select count(*) from {name} f where {column} is not null and not exists (select 1 from {there} t where t.sourcedId = f.{column})"
    faults += db.execute(lost).fetchone()[0]
agencies = "select count(*) from (select unnest(string_split(orgSourcedIds, ',')) as org from users) f where not exists (select 1 from orgs t where t.sourcedId = trim(f.org))"
faults += db.execute(agencies).fetchone()[0]
for name, rule in RULES:
    faults += db.execute(f"select count(*) from {name} where {rule}").fetchone()[0]
print(rows, faults)
