// What part of the map is shown: a rectangle in time (or in numbers of faults) and in positions on the axis of
// addresses, and where on the canvas it lies.

class MapView {
  constructor(xAll, yAll) {
    this.all = {x0: xAll[0], x1: xAll[1], y0: yAll[0], y1: yAll[1]};
    this.plot = {left: 0, top: 0, width: 1, height: 1};
    this.reset();
  }

  reset() { Object.assign(this, this.all); }

  x(value) { return this.plot.left + (value - this.x0) / (this.x1 - this.x0) * this.plot.width; }
  y(position) { return this.plot.top + (this.y1 - position) / (this.y1 - this.y0) * this.plot.height; }
  valueAt(x) { return this.x0 + (x - this.plot.left) / this.plot.width * (this.x1 - this.x0); }
  positionAt(y) { return this.y1 - (y - this.plot.top) / this.plot.height * (this.y1 - this.y0); }

  isWhole() { return ['x0', 'x1', 'y0', 'y1'].every(name => this[name] === this.all[name]); }

  // `x` and `y` on the canvas stay where they are; a factor below 1 shows less.
  zoom(factorX, factorY, x = this.plot.left + this.plot.width / 2, y = this.plot.top + this.plot.height / 2) {
    const value = this.valueAt(x);
    const position = this.positionAt(y);
    this.set(
        value + (this.x0 - value) * factorX, value + (this.x1 - value) * factorX,
        position + (this.y0 - position) * factorY, position + (this.y1 - position) * factorY);
  }

  // By parts of what is shown.
  move(dx, dy) {
    const width = (this.x1 - this.x0) * dx;
    const height = (this.y1 - this.y0) * dy;
    this.set(this.x0 + width, this.x1 + width, this.y0 + height, this.y1 + height);
  }

  // Kept inside of what there is, by moving rather than by cutting.
  set(x0, x1, y0, y1) {
    [this.x0, this.x1] = MapView.inside(x0, x1, this.all.x0, this.all.x1);
    [this.y0, this.y1] = MapView.inside(y0, y1, this.all.y0, this.all.y1);
  }

  static inside(from, to, least, most) {
    const size = Math.min(Math.max(to - from, (most - least) * 1e-7), most - least);
    const start = Math.min(Math.max(from, least), most - size);
    return [start, start + size];
  }

  // So that a point can be seen.
  reveal(value, position) {
    const width = this.x1 - this.x0;
    const height = this.y1 - this.y0;
    const inX = value >= this.x0 && value <= this.x1;
    const inY = position >= this.y0 && position <= this.y1;
    if (inX && inY) return;
    this.set(
        inX ? this.x0 : value - width / 2, inX ? this.x1 : value + width / 2, inY ? this.y0 : position - height / 2,
        inY ? this.y1 : position + height / 2);
  }
}
