// The tables of SqliteWriter, as SQL.
#pragma once

namespace fl::trace {

// Settings first: they hold for a file that has no tables yet. A journal, and no waiting for the disk: what is
// committed survives our end, though not the machine's.
inline constexpr const char* sqlite_schema = R"(
PRAGMA page_size = 4096;
PRAGMA encoding = 'UTF-8';
PRAGMA journal_mode = DELETE;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
BEGIN;
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE instructions (
  id INTEGER PRIMARY KEY,
  ip INTEGER NOT NULL,
  symbol TEXT,
  function TEXT,
  source TEXT,
  insn TEXT
);
CREATE TABLE vmas (
  id INTEGER PRIMARY KEY,
  "start" INTEGER NOT NULL,
  "end" INTEGER NOT NULL,
  prot TEXT NOT NULL,
  name TEXT NOT NULL
);
CREATE TABLE files (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL
);
CREATE TABLE faults (
  seq INTEGER NOT NULL,
  time INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  tid INTEGER NOT NULL,
  instruction INTEGER NOT NULL REFERENCES instructions (id),
  addr INTEGER NOT NULL,
  access TEXT NOT NULL,
  error_code INTEGER NOT NULL,
  mode TEXT NOT NULL,
  kind TEXT NOT NULL,
  major INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  vma INTEGER REFERENCES vmas (id),
  pfn INTEGER,
  pte_before INTEGER NOT NULL,
  pte_after INTEGER NOT NULL,
  pgd_table INTEGER,
  pgd INTEGER,
  pud_table INTEGER,
  pud INTEGER,
  pmd_table INTEGER,
  pmd INTEGER,
  pte_table INTEGER,
  tables_allocated INTEGER NOT NULL,
  around INTEGER NOT NULL,
  page_bytes INTEGER NOT NULL,
  evicted INTEGER NOT NULL,
  written INTEGER NOT NULL,
  looked_at INTEGER NOT NULL,
  slot INTEGER,
  refault_distance INTEGER
);
CREATE TABLE evictions (
  time INTEGER NOT NULL,
  for_fault INTEGER,
  reason TEXT NOT NULL,
  page INTEGER NOT NULL,
  pid INTEGER,
  addr INTEGER,
  file INTEGER REFERENCES files (id),
  file_page INTEGER,
  pfn INTEGER NOT NULL,
  slot INTEGER,
  dirty INTEGER NOT NULL,
  dropped INTEGER NOT NULL,
  age INTEGER NOT NULL
);
CREATE TABLE write_backs (
  time INTEGER NOT NULL,
  for_fault INTEGER,
  reason TEXT NOT NULL,
  page INTEGER NOT NULL,
  pid INTEGER,
  addr INTEGER,
  file INTEGER REFERENCES files (id),
  file_page INTEGER,
  pfn INTEGER NOT NULL,
  slot INTEGER,
  failed INTEGER NOT NULL
);
CREATE TABLE tasks (
  time INTEGER NOT NULL,
  kind TEXT NOT NULL,
  pid INTEGER NOT NULL,
  parent INTEGER,
  path TEXT,
  status INTEGER,
  signal INTEGER
);
CREATE TABLE mapping_events (
  id INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  "all" INTEGER NOT NULL
);
CREATE TABLE mappings (
  event INTEGER NOT NULL REFERENCES mapping_events (id),
  change TEXT NOT NULL CHECK (change IN ('gone', 'mapped')),
  "start" INTEGER NOT NULL,
  "end" INTEGER NOT NULL,
  prot TEXT,
  name TEXT
);
CREATE TABLE samples (
  id INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  free_frames INTEGER NOT NULL,
  user_frames INTEGER NOT NULL,
  used_swap_slots INTEGER NOT NULL
);
CREATE TABLE sample_blocks (
  sample INTEGER NOT NULL REFERENCES samples (id),
  "order" INTEGER NOT NULL,
  free_blocks INTEGER NOT NULL,
  PRIMARY KEY (sample, "order")
) WITHOUT ROWID;
CREATE TABLE sample_processes (
  sample INTEGER NOT NULL REFERENCES samples (id),
  pid INTEGER NOT NULL,
  anon INTEGER NOT NULL,
  file INTEGER NOT NULL,
  shmem INTEGER NOT NULL,
  swap INTEGER NOT NULL,
  page_tables INTEGER NOT NULL
);
CREATE TABLE page_tables (
  id INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  root INTEGER NOT NULL,
  tables INTEGER NOT NULL,
  left_out INTEGER NOT NULL
);
CREATE TABLE page_table_rows (
  event INTEGER NOT NULL REFERENCES page_tables (id),
  level INTEGER NOT NULL,
  addr INTEGER NOT NULL,
  count INTEGER NOT NULL,
  entry INTEGER NOT NULL
);
CREATE VIEW fault_view AS
  SELECT f.*, i.ip, i.symbol, i.function, i.source, i.insn,
         v."start" AS vma_start, v."end" AS vma_end, v.prot AS vma_prot, v.name AS vma_name
  FROM faults AS f
  JOIN instructions AS i ON i.id = f.instruction
  LEFT JOIN vmas AS v ON v.id = f.vma;
)";

// Once all rows are there.
inline constexpr const char* sqlite_indices = R"(
CREATE INDEX faults_by_seq ON faults (seq);
CREATE INDEX faults_by_addr ON faults (addr);
CREATE INDEX evictions_by_fault ON evictions (for_fault);
CREATE INDEX mappings_by_event ON mappings (event);
CREATE INDEX page_table_rows_by_event ON page_table_rows (event);
COMMIT;
)";

}  // namespace fl::trace
