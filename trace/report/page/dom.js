// Elements. Text goes in as text nodes only: names come from programs and traces, which may hold anything.

// element('td', {class: 'number', onclick: f}, 'text', child, ...)
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on'))
      made.addEventListener(key.slice(2), value);
    else
      made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}

function byId(id) { return document.getElementById(id); }

function show(id) { byId(id).hidden = false; }

function button(text, onclick, attributes = {}) {
  return element('button', {type: 'button', onclick, ...attributes}, text);
}

// A select with a label; `options` are [value, text].
function chooser(label, options, onchange, chosen) {
  const select = element(
      'select', {onchange: event => onchange(event.target.value)},
      ...options.map(([value, text]) => element('option', {value, selected: String(value) === String(chosen)}, text)));
  return element('label', {}, label + ' ', select);
}

function checkbox(label, onchange, checked = false) {
  const input = element('input', {type: 'checkbox', checked, onchange: event => onchange(event.target.checked)});
  return element('label', {}, input, ' ' + label);
}

// Rows are arrays of strings or elements; `columns` are {text, number?, className?}.
function table(caption, columns, rows, rowAttributes = () => ({})) {
  const cellClass = column => [column.number ? 'number' : '', column.className || ''].join(' ').trim() || undefined;
  return element(
      'table', {}, element('caption', {}, caption),
      element(
          'thead', {},
          element(
              'tr', {},
              ...columns.map(column => element('th', {scope: 'col', class: cellClass(column)}, column.text)))),
      element(
          'tbody', {},
          ...rows.map(
              (row, i) => element(
                  'tr', rowAttributes(i),
                  ...row.map((cell, c) => element('td', {class: cellClass(columns[c])}, cell))))));
}

function pairs(list) {
  return element(
      'dl', {class: 'pairs'},
      ...list.filter(([, value]) => value !== null && value !== undefined && value !== '')
          .flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]));
}

function code(text) { return element('span', {class: 'code'}, text); }

// A colour of the theme, "#rrggbb".
function themeColour(name) { return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim(); }
