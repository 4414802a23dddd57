// database FOLDER JOURNAL: a SQLite database in FOLDER, written, asked and checked, by several processes too; JOURNAL is
// delete or wal. Prints what a user would see.
// database check FILE: whether a database is sound.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { order_count = 6000, writer_count = 3, rows_per_writer = 40, busy_timeout_ms = 20000 };

static char path[4096];

static void fail(sqlite3* database, const char* what) {
    printf("FAILED: %s: %s (%d)\n", what, sqlite3_errmsg(database), sqlite3_extended_errcode(database));
    exit(1);
}

static int print_row(void* unused, int count, char** values, char** names) {
    (void)unused, (void)names;
    for (int i = 0; i < count; ++i) printf("%s%s", i > 0 ? " | " : "  ", values[i] != NULL ? values[i] : "NULL");
    printf("\n");
    return 0;
}

// Runs SQL and prints the rows that it yields.
static void run(sqlite3* database, const char* sql) {
    if (sqlite3_exec(database, sql, print_row, NULL, NULL) != SQLITE_OK) fail(database, sql);
}

static void show(sqlite3* database, const char* what, const char* sql) {
    printf("%s:\n", what);
    run(database, sql);
}

static sqlite3* open_database(void) {
    sqlite3* database;
    if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK) {
        fail(database, path);
    }
    sqlite3_busy_timeout(database, busy_timeout_ms);
    return database;
}

static void insert_orders(sqlite3* database) {
    sqlite3_stmt* insert;
    if (sqlite3_prepare_v2(database, "INSERT INTO orders(customer, cents, note) VALUES(?1, ?2, ?3)", -1, &insert,
                           NULL) != SQLITE_OK) {
        fail(database, "prepare");
    }
    unsigned number = 1;
    run(database, "BEGIN");
    for (int i = 0; i < order_count; ++i) {
        char note[64];
        number = number * 1103515245 + 12345;
        snprintf(note, sizeof note, "note %u of order %d", number >> 16, i);
        sqlite3_bind_int(insert, 1, (int)(number >> 8) % 100 + 1);
        sqlite3_bind_int(insert, 2, (int)(number >> 12) % 10000);
        sqlite3_bind_text(insert, 3, note, -1, SQLITE_TRANSIENT);
        if (sqlite3_step(insert) != SQLITE_DONE) fail(database, "insert");
        sqlite3_reset(insert);
        if (i % 1000 == 999) run(database, "COMMIT; BEGIN");
    }
    run(database, "COMMIT");
    sqlite3_finalize(insert);
}

static void queries(sqlite3* database) {
    show(database, "totals", "SELECT count(*), sum(cents), min(cents), max(cents) FROM orders");
    run(database, "CREATE INDEX by_customer ON orders(customer, cents)");
    show(database, "a join",
         "SELECT c.name, count(*), sum(o.cents) FROM customers c JOIN orders o ON o.customer = c.id "
         "GROUP BY c.id ORDER BY 3 DESC LIMIT 5");
    show(database, "a window",
         "SELECT id, cents, rank() OVER (ORDER BY cents DESC, id) FROM orders WHERE customer = 7 ORDER BY 3 LIMIT 3");
    show(database, "recursion",
         "WITH RECURSIVE fib(n, a, b) AS (SELECT 1, 0, 1 UNION ALL SELECT n + 1, b, a + b FROM fib WHERE n < 30) "
         "SELECT max(a) FROM fib");
    show(database, "text",
         "SELECT count(*), group_concat(id) FROM orders WHERE note LIKE '%of order 42%' AND id < 425");
    show(database, "floating point", "SELECT round(avg(cents), 6), round(sum(cents) / 7.0, 6) FROM orders");
}

static void transactions(sqlite3* database) {
    run(database, "BEGIN; DELETE FROM orders; INSERT INTO customers(name) VALUES('nobody'); ROLLBACK");
    show(database, "after a rollback", "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM customers)");
    run(database,
        "BEGIN; UPDATE orders SET cents = cents + 1 WHERE id <= 100; SAVEPOINT inner_one; DELETE FROM orders WHERE id "
        "> 10;"
        "ROLLBACK TO inner_one; RELEASE inner_one; COMMIT");
    show(database, "after a savepoint", "SELECT count(*), sum(cents) FROM orders");
    const int answer = sqlite3_exec(database, "INSERT INTO customers(id, name) VALUES(1, 'twice')", NULL, NULL, NULL);
    printf("a broken constraint: %s\n", answer == SQLITE_CONSTRAINT ? sqlite3_errmsg(database) : "not noticed");
}

static void blobs(sqlite3* database) {
    run(database, "CREATE TABLE files(name TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID");
    run(database, "INSERT INTO files VALUES('zeroes', zeroblob(300000)), ('text', CAST('abc' AS BLOB))");
    show(database, "blobs", "SELECT name, length(data), hex(substr(data, 1, 4)) FROM files ORDER BY name");
}

// Several processes that write to one database at a time: they wait for each other.
static void several_writers(void) {
    fflush(stdout);
    for (int writer = 0; writer < writer_count; ++writer) {
        if (fork() != 0) continue;
        sqlite3* database = open_database();
        for (int row = 0; row < rows_per_writer; ++row) run(database, "UPDATE counters SET value = value + 1");
        sqlite3_close(database);
        exit(0);
    }
    int status, failed = 0;
    while (wait(&status) > 0) failed += status != 0;
    sqlite3* database = open_database();
    printf("%d writers, %d failed\n", writer_count, failed);
    show(database, "each row was counted", "SELECT value FROM counters");
    if (sqlite3_close(database) != SQLITE_OK) fail(database, "close");
}

static int check(const char* file) {
    sqlite3* database;
    if (sqlite3_open_v2(file, &database, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) fail(database, file);
    if (sqlite3_exec(database, "PRAGMA integrity_check", print_row, NULL, NULL) != SQLITE_OK) fail(database, file);
    return sqlite3_close(database);
}

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    if (strcmp(argv[1], "check") == 0) return check(argv[2]);
    snprintf(path, sizeof path, "%s/%s.db", argv[1], argv[2]);
    sqlite3* database = open_database();
    char pragma[64];
    snprintf(pragma, sizeof pragma, "PRAGMA journal_mode = %s", argv[2]);
    show(database, "journal", pragma);
    run(database,
        "CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers, cents INTEGER, note TEXT);"
        "CREATE TABLE counters(value INTEGER); INSERT INTO counters VALUES(0);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
        "INSERT INTO customers SELECT i, 'customer ' || i FROM n");
    insert_orders(database);
    queries(database);
    transactions(database);
    blobs(database);
    run(database, "DELETE FROM orders WHERE id % 3 = 0; VACUUM");
    show(database, "after vacuum", "SELECT count(*), sum(cents) FROM orders");
    show(database, "integrity", "PRAGMA integrity_check; PRAGMA foreign_key_check");
    if (sqlite3_close(database) != SQLITE_OK) fail(database, "close");
    several_writers();
    return 0;
}
