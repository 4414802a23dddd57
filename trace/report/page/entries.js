// Page-table entries, bit by bit (emu/pte.hpp). An entry arrives as its frame number and its other bits, since
// JavaScript's numbers do not hold 64 of them: bits 0 to 11 are the entry's lowest, bits 12 to 23 its highest.

const entryBit = {
  present: 1,
  writable: 2,
  user: 4,
  accessed: 32,
  dirty: 64,
  large: 128,
  protNone: 256,
  guard: 512,
  protect: 1024,
  poisoned: 2048
};
const entryNoExecute = 2 ** 23;

function rawEntry(frame, bits) {
  const raw = (BigInt(Math.floor(bits / 4096)) << 52n) | (BigInt(frame) << 12n) | BigInt(bits % 4096);
  return '0x' + raw.toString(16).padStart(16, '0');
}

// Bit 1 and neither present nor hidden.
function isSwapEntry(bits) {
  return (bits & (entryBit.present | entryBit.protNone)) === 0 && (bits & entryBit.writable) !== 0;
}

// A PMD entry that maps a large page itself.
function isLargePage(bits) {
  return (bits & (entryBit.present | entryBit.protNone)) !== 0 && (bits & entryBit.large) !== 0;
}

// What the processor, or the kernel, makes of an entry; `isLeaf`: it maps a page, or would.
function entryMeaning(frame, bits, isLeaf) {
  if (bits === 0 && frame === 0) return 'empty';
  if (bits & entryBit.present) {
    const rights = [
      bits & entryBit.writable ? 'writable' : 'read-only',
      bits & entryBit.user ? 'user' : 'kernel only',
      bits >= entryNoExecute ? 'no execute' :
          isLeaf             ? 'executable' :
                               null,
      bits & entryBit.accessed ? 'accessed' : 'not accessed',
      isLeaf ? (bits & entryBit.dirty ? 'dirty' : 'clean') : null,
      bits & entryBit.protect ? 'a userfaultfd hears of the next write' : null,
    ];
    const what = !isLeaf ? 'next table in frame' : bits & entryBit.large ? 'large page of 2 MiB from frame' : 'frame';
    return `present, ${rights.filter(Boolean).join(', ')}; ${what} ${hex(frame)}`;
  }
  if (bits & entryBit.protNone) return `hidden by PROT_NONE; frame ${hex(frame)}`;
  if (frame === 0 && bits === entryBit.protect) return 'no page; a userfaultfd hears of the first write';
  if (frame === 0 && bits === entryBit.poisoned) return 'poisoned: cannot be read';
  if (frame === 0 && bits === entryBit.guard) return 'guard: must not be touched';
  return `in swap, slot ${count(frame)}${bits & entryBit.user ? ', this entry’s alone' : ''}`;
}

// "PWUADX" with dashes, as the text trace has it.
function entryFlags(bits) {
  if (!(bits & entryBit.present)) return '-';
  return [
    ['P', entryBit.present], ['W', entryBit.writable], ['U', entryBit.user], ['A', entryBit.accessed],
    ['D', entryBit.dirty]
  ].map(([letter, bit]) => bits & bit ? letter : '-')
             .join('') +
      (bits >= entryNoExecute ? '-' : 'X');
}

const walkLevels = [
  {name: 'PGD', addressBits: '47–39', shift: 27},
  {name: 'PUD', addressBits: '38–30', shift: 18},
  {name: 'PMD', addressBits: '29–21', shift: 9},
  {name: 'PTE', addressBits: '20–12', shift: 0},
];
