// What faults led to: name, colour and shape of the mark, and what it means. Colours are Okabe and Ito's, which people
// with any colour vision can tell apart; no two kinds share both colour and shape.

const palette = {
  green: '#009e73',
  sky: '#56b4e9',
  blue: '#0072b2',
  orange: '#e69f00',
  vermillion: '#d55e00',
  purple: '#cc79a7',
  grey: '#8a9199',
};

const faultKinds = {
  demand_zero: ['green', 'disc', 'first write to a page of anonymous memory: it gets a frame full of zeroes'],
  zero_page:
      ['sky', 'ring', 'first read of a page of anonymous memory: the shared page of zeroes stands in, read-only'],
  zero_upgrade: ['sky', 'disc', 'first write to a page that the shared page of zeroes stood in for'],
  file_minor: ['blue', 'triangle', 'first touch of a file’s page that was in memory already: it is mapped'],
  file_major: ['vermillion', 'triangle-down', 'first touch of a file’s page that had to be read from the file'],
  cow: ['purple', 'square', 'write to a private page that others, or a file, see as well: it gets a copy of its own'],
  cow_reuse: ['purple', 'frame', 'write to a page that turned out to be nobody else’s: made writable in place'],
  write_notify:
      ['orange', 'frame', 'first write to a clean page of a shared file: noted, so that it can be written back'],
  swap_in: ['orange', 'diamond', 'the page came back from swap'],
  stack_grow: ['green', 'square', 'the stack was extended downwards to hold the address'],
  spurious: ['grey', 'disc', 'the entry allowed the access already'],
  userfault: ['blue', 'diamond', 'a userfaultfd was told of it, and the task waits for its answer'],
  segv_maperr: ['vermillion', 'cross', 'no mapping at the address: SIGSEGV'],
  segv_accerr: ['purple', 'cross', 'the mapping does not allow the access: SIGSEGV'],
  sigbus: ['blue', 'cross', 'past the end of the mapped file, or refused by a userfaultfd: SIGBUS'],
  poisoned: ['orange', 'cross', 'a userfaultfd said that the page cannot be read'],
  oom: ['grey', 'cross', 'out of frames'],
};

function kindColour(kind) { return palette[(faultKinds[kind] || ['grey'])[0]]; }
function kindShape(kind) { return (faultKinds[kind] || ['', 'disc'])[1]; }
function kindMeaning(kind) { return (faultKinds[kind] || ['', '', 'a kind that this page does not know'])[2]; }

// The outline of a mark around (0, 0), some `r` in radius, as commands of an SVG path; Path2D takes the same.
function markPath(shape, r) {
  const points = list => 'M' + list.map(([x, y]) => `${x} ${y}`).join('L') + 'Z';
  switch (shape) {
    case 'triangle':
      return points([[0, -r], [r, r * 0.8], [-r, r * 0.8]]);
    case 'triangle-down':
      return points([[0, r], [r, -r * 0.8], [-r, -r * 0.8]]);
    case 'square':
    case 'frame':
      return points([[-r * 0.8, -r * 0.8], [r * 0.8, -r * 0.8], [r * 0.8, r * 0.8], [-r * 0.8, r * 0.8]]);
    case 'diamond':
      return points([[0, -r * 1.1], [r * 1.1, 0], [0, r * 1.1], [-r * 1.1, 0]]);
    case 'cross':
      return `M${- r} ${- r}L${r} ${r}M${r} ${- r}L${- r} ${r}`;
    case 'dash':
      return `M${- r} 0L${r} 0`;
    default:
      return `M${- r} 0A${r} ${r} 0 1 0 ${r} 0A${r} ${r} 0 1 0 ${- r} 0Z`;
  }
}

function isHollow(shape) { return ['ring', 'frame', 'cross', 'dash'].includes(shape); }

// The mark of a kind for the legend.
function markIcon(kind) { return shapeIcon(kindShape(kind), kindColour(kind)); }

function shapeIcon(shape, colour) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('width', 14);
  svg.setAttribute('height', 14);
  svg.setAttribute('viewBox', '-7 -7 14 14');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', markPath(shape, 4.5));
  path.setAttribute('fill', isHollow(shape) ? 'none' : colour);
  path.setAttribute('stroke', isHollow(shape) ? colour : 'currentColor');
  path.setAttribute('stroke-width', isHollow(shape) ? 2.2 : 0.8);
  svg.append(path);
  return svg;
}
