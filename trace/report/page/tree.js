// The page tables as they were at the end, level by level; a branch is made when it is opened.

class TableTree {
  constructor(report) {
    const tree = report.payload.tables.tree;
    [this.level, this.page, this.count, this.frame, this.bits] =
        ['level', 'page', 'count', 'frame', 'bits'].map(name => tree.column(name));
    this.rows = tree.rows;
    const {pid, root, tables, note} = report.head.tree;
    byId('tables-note').textContent =
        `Of process ${pid}: ${plural(tables, 'table page')}, the root (PGD) in frame ${hex(root)}.` +
        (note ? ' ' + note : '');
    byId('table-tree').append(...this.branches(0, 4));
  }

  // The entries of one table, from its first row on, down to the end of the table.
  branches(first, level) {
    const made = [];
    for (let row = first; row < this.rows && this.level[row] <= level; ++row) {
      if (this.level[row] === level) made.push(level === 1 ? row : this.branch(row));
    }
    return level === 1 ? [this.leaves(made)] : made;
  }

  branch(row) {
    const level = this.level[row];
    const {name, shift} = walkLevels[4 - level];
    const pages = 2 ** shift;
    const index = Math.floor(this.page[row] / pages) % 512;
    const entry = code(`${name}[${index}] ${address(this.page[row])}-${address(this.page[row] + pages)}`);
    if (isLargePage(this.bits[row])) {
      const frame = this.frame[row];
      return element(
          'p', {class: 'branch'}, entry,
          ` ${entryFlags(this.bits[row])}, a large page in frames ${hex(frame)} to ${hex(frame + pages - 1)}`);
    }
    const branch = element(
        'details', {class: 'branch'},
        element(
            'summary', {}, entry,
            ` ${entryFlags(this.bits[row])}, table in frame ${hex(this.frame[row])}, ${
                level === 2 ? plural(this.count[row], 'entry').replace('entrys', 'entries') :
                              plural(this.count[row], 'table')} below`));
    branch.addEventListener('toggle', () => {
      if (branch.open && branch.children.length === 1) branch.append(...this.branches(row + 1, level - 1));
    });
    return branch;
  }

  leaves(rows) {
    if (rows.length === 0) return element('p', {class: 'leaves help'}, 'No entry is left in this table.');
    const leaves = table(
        'Entries of this table, like neighbours together',
        [
          {text: 'Index', number: true},
          {text: 'Addresses'},
          {text: 'Pages', number: true},
          {text: 'Flags'},
          {text: 'Frames or slots'},
          {text: 'First entry'},
        ],
        rows.map(
            row =>
                [String(this.page[row] % 512),
                 code(`${address(this.page[row])}-${address(this.page[row] + this.count[row])}`),
                 count(this.count[row]),
                 code(entryFlags(this.bits[row])),
                 code(
                     this.count[row] === 1 ?
                         hex(this.frame[row]) :
                         `${hex(this.frame[row])} to ${hex(this.frame[row] + this.count[row] - 1)}`),
                 entryMeaning(this.frame[row], this.bits[row], true),
    ]));
    leaves.classList.add('leaves');
    return leaves;
  }
}
