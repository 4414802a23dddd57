// The axis of addresses. An address space is nearly empty: the axis shows only its parts that faults touched, one above
// the other, each with a gap to the next. Within a part a page is as high as any other; a small part gets more than its
// share, so that it can be seen. Positions on the axis run from 0 at the bottom to `length`.

class AddressAxis {
  // `parts` has the columns page and pages, in order of addresses.
  constructor(parts) {
    const pages = parts.column('page');
    const sizes = parts.column('pages');
    let total = 0;
    for (let i = 0; i < parts.rows; ++i) total += sizes[i];
    const least = total * 0.9 / Math.max(8, parts.rows);
    const gap = total * 0.012 + 0.1;
    this.parts = [];
    let at = gap;
    for (let i = 0; i < parts.rows; ++i) {
      const length = sizes[i] * 0.6 + least;
      const before = this.parts[i - 1];
      this.parts.push({
        page: pages[i],
        end: pages[i] + sizes[i],
        at,
        scale: length / sizes[i],
        isBroken: before !== undefined && before.end !== pages[i],
      });
      at += length + gap;
    }
    this.length = at;
  }

  // The part that holds the page, or the first behind it.
  partOf(page) {
    let low = 0;
    let high = this.parts.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.parts[middle].end <= page)
        low = middle + 1;
      else
        high = middle;
    }
    return this.parts[low];
  }

  holds(page) {
    const part = this.partOf(page);
    return page >= part.page && page < part.end;
  }

  position(page) {
    const part = this.partOf(page);
    return part.at + (Math.min(Math.max(page, part.page), part.end) - part.page) * part.scale;
  }

  // The middle of each of many pages.
  positions(pages) {
    const positions = new Float64Array(pages.length);
    let part = this.parts[0];
    for (let i = 0; i < pages.length; ++i) {
      const page = pages[i];
      if (page < part.page || page >= part.end) part = this.partOf(page);
      positions[i] = part.at + (page - part.page + 0.5) * part.scale;
    }
    return positions;
  }

  // The page at a position; where a gap is, null.
  pageAt(position) {
    for (const part of this.parts) {
      const page = part.page + Math.floor((position - part.at) / part.scale);
      if (page >= part.page && page < part.end) return page;
    }
    return null;
  }
}
