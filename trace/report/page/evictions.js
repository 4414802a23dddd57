// Pages that left memory for no fault in particular: what kswapd, MADV_PAGEOUT or the policy itself let go of. The map
// marks them; those that left for a fault are told of there.

const evictionColour = palette.grey;
const evictionShape = 'dash';
const evictionMeaning =
    'a page left memory, and no fault waited for its frame: kswapd, madvise(2), or the policy let go of it';

class Evictions {
  // How many the page has; cheap.
  static count(report) {
    const table = report.table('reclaim');
    if (!table) return 0;
    return table.column('flags').reduce((sum, flags) => sum + (Evictions.isOne(flags) ? 1 : 0), 0);
  }

  static isOne(flags) { return (flags & (reclaimFlag.forFault | reclaimFlag.writeBack)) === 0; }

  // Those whose page lies on the axis of addresses.
  constructor(report, axis) {
    const table = report.table('reclaim');
    const [flags, page, time, fault] = ['flags', 'page', 'time', 'fault'].map(name => table.column(name));
    this.report = report;
    this.rows = [];
    for (let at = 0; at < table.rows; ++at)
      if (Evictions.isOne(flags[at]) && page[at] > 0 && axis.holds(page[at] - 1)) this.rows.push(at);
    this.pid = table.column('pid');
    this.times = this.rows.map(at => time[at]);
    this.numbers = this.rows.map(at => fault[at]);
    this.ys = axis.positions(this.rows.map(at => page[at] - 1));
  }

  isShown(index) {
    const {process, name, evictions} = this.report.shown;
    return evictions && name === null && (process === 0 || this.pid[this.rows[index]] === process);
  }

  // Calls visit(index, x, y), on the canvas, for those in view.
  forEachInView(view, isByNumber, visit) {
    const xs = isByNumber ? this.numbers : this.times;
    for (let index = 0; index < xs.length; ++index) {
      if (xs[index] < view.x0 || xs[index] > view.x1 || this.ys[index] < view.y0 || this.ys[index] > view.y1) continue;
      if (this.isShown(index)) visit(index, view.x(xs[index]), view.y(this.ys[index]));
    }
  }

  // The one nearest to a point of the canvas, in words; null: none is near.
  hint(view, isByNumber, x, y, radius) {
    let best = -1;
    let bestDistance = radius;
    this.forEachInView(view, isByNumber, (index, left, top) => {
      const distance = Math.hypot(left - x, top - y);
      if (distance < bestDistance) [best, bestDistance] = [index, distance];
    });
    return best < 0 ? null : reclaimText(this.report.reclaimed(this.rows[best]));
  }
}
