/* What scripts add to a report page: the threshold explorer, enlarged pictures, where one is in the contents. The page
 * is whole without them. Shares are computed and numbers written as explorer.c does; intervals come with the page. */
(function () {
  'use strict';

  /* Not defined: null. */
  function share(k, n) { return n > 0 ? { value: k / n } : null; }

  function count(n) { return String(n).replace(/\B(?=(\d{3})+$)/g, ','); }

  function short(v) {
    if (v === null) return 'not defined';
    var large = Math.abs(v) >= 1e7 || (v !== 0 && Math.abs(v) < 1e-4);
    var text = large ? v.toExponential(3).replace(/\.?0*e\+?/, 'e') : String(parseFloat(v.toPrecision(4)));
    return text.replace(/^-/, '\u2212');
  }

  /* As C rounds: a half goes to the even digit, and of one decimal 0.25 alone is a half that does not go up. */
  function percent(v) {
    var p = 100 * v;
    return (p % 1 === 0.25 ? p - 0.05 : p).toFixed(1);
  }

  function element(tag, name, text) {
    var e = document.createElement(tag);
    e.className = name;
    e.textContent = text;
    return e;
  }

  /* ---- threshold explorer ---- */

  function along(share) { return (100 * share).toFixed(2) + '%'; }

  /* Appends an element of SVG. */
  function draw(parent, tag, attributes) {
    var e = document.createElementNS(parent.namespaceURI, tag);
    Object.keys(attributes).forEach(function (key) { e.setAttribute(key, attributes[key]); });
    parent.append(e);
    return e;
  }

  function drawWhisker(svg, s) {
    svg.replaceChildren(svg.querySelector('.track'));
    if (!s) return;
    if (s.low !== undefined) {
      draw(svg, 'line', { class: 'whisker', x1: along(s.low), x2: along(s.high), y1: '50%', y2: '50%' });
      [s.low, s.high].forEach(function (end) {
        draw(draw(svg, 'svg', { class: 'spot', x: along(end), y: '50%' }), 'path', { class: 'whisker', d: 'M0 -4V4' });
      });
    }
    draw(svg, 'circle', { class: 'dot', cx: along(s.value), cy: '50%', r: '4.5' });
  }

  function showMeasure(figure, key, s) {
    var row = figure.querySelector('[data-measure="' + key + '"]'), cell = row.querySelector('.number');
    drawWhisker(row.querySelector('svg'), s);
    cell.textContent = '';
    cell.append(s ? element('span', 'value', percent(s.value) + '\u00a0%') : element('span', 'value none', 'not defined'));
    if (!s || s.low === undefined) return;
    cell.append(' ', element('span', 'interval', '(' + percent(s.low) + '\u2013' + percent(s.high) + '\u00a0%)'));
  }

  /* With its interval, the measure's of a stop: tenths of a percent. */
  function bounded(s, stop, at) {
    var low = stop[3 + 2 * at], high = stop[4 + 2 * at];
    if (s && typeof low === 'number') { s.low = low / 1000; s.high = high / 1000; }
    return s;
  }

  function measures(data, stop) {
    var tp = stop[1], fp = stop[2], fn = data.positives - tp, tn = data.negatives - fp;
    return {
      sensitivity: bounded(share(tp, tp + fn), stop, 0), specificity: bounded(share(tn, tn + fp), stop, 1),
      positive: bounded(share(tp, tp + fp), stop, 2), negative: bounded(share(tn, tn + fn), stop, 3)
    };
  }

  /* Predictive values at another prevalence (Bayes). */
  function predict(values, prevalence) {
    var sensitivity = values.sensitivity.value, specificity = values.specificity.value, rest = 1 - prevalence;
    var found = sensitivity * prevalence, alarm = (1 - specificity) * rest;
    var missed = (1 - sensitivity) * prevalence, spared = specificity * rest;
    values.positive = found + alarm > 0 ? { value: found / (found + alarm) } : null;
    values.negative = missed + spared > 0 ? { value: spared / (missed + spared) } : null;
  }

  function explore(figure) {
    var data = JSON.parse(figure.querySelector('script').textContent);
    var slider = figure.querySelector('input[type="range"]'), field = figure.querySelector('input[type="number"]');
    var buttons = Array.from(figure.querySelectorAll('button[data-point]')), marker = figure.querySelector('.moving');
    var frame = figure.querySelector('svg.chart').dataset.frame.split(' ').map(Number);
    var named = data.named; /* the operating point that is shown by name; -1: none */

    /* null: that of the cases. A field that cannot be read says so and changes nothing. */
    function prevalence() {
      var v = parseFloat(field.value) / 100, given = field.value !== '' || field.validity.badInput;
      var unfit = given && !(v >= 0 && v <= 1);
      field.setAttribute('aria-invalid', String(unfit));
      figure.querySelector('.unfit').textContent =
        unfit ? 'Not 0 to 100: ' + field.placeholder + '\u00a0% is in use, that of these cases.' : '';
      return given && !unfit ? v : null;
    }

    function pointAt(place) { return data.points.findIndex(function (p) { return p.stop === place; }); }

    function say(stop, values) {
      var point = data.points[named];
      var name = 'Threshold ' + (point ? short(point.threshold) + ' (' + point.name + ')' : short(stop[0]));
      figure.querySelector('output').textContent = name + ': ' + count(stop[1]) + ' of ' + count(data.positives) + ' ' +
        data.positive + ' found, ' + count(stop[2]) + ' of ' + count(data.negatives) + ' ' + data.negative + ' called ' +
        data.positive + '.';
      slider.setAttribute('aria-valuetext', name +
        (values.sensitivity ? ', sensitivity ' + percent(values.sensitivity.value) + '\u00a0%' : '') +
        (values.specificity ? ', specificity ' + percent(values.specificity.value) + '\u00a0%' : ''));
    }

    function show() {
      var stop = data.stops[Number(slider.value)], tp = stop[1], fp = stop[2];
      var values = measures(data, stop), other = prevalence();
      var both = values.sensitivity && values.specificity;
      if (both && other !== null) predict(values, other);
      Object.keys(values).forEach(function (key) { showMeasure(figure, key, values[key]); });
      var cells = { tp: tp, fp: fp, fn: data.positives - tp, tn: data.negatives - fp };
      Object.keys(cells).forEach(function (key) {
        figure.querySelector('[data-cell="' + key + '"]').textContent = count(cells[key]);
      });
      if (both) {
        marker.setAttribute('cx', (frame[0] + frame[2] * (1 - values.specificity.value)).toFixed(1));
        marker.setAttribute('cy', (frame[1] + frame[3] * values.sensitivity.value).toFixed(1));
      }
      buttons.forEach(function (b) { b.setAttribute('aria-pressed', String(Number(b.dataset.point) === named)); });
      say(stop, values);
    }

    function slide() {
      named = pointAt(Number(slider.value));
      show();
    }

    slider.addEventListener('input', slide);
    field.addEventListener('input', show);
    buttons.forEach(function (b) {
      b.addEventListener('click', function () {
        named = Number(b.dataset.point);
        slider.value = data.points[named].stop;
        show();
      });
    });
    figure.querySelector('.controls').hidden = false;
    /* A browser may bring back where the slider was left. */
    if (slider.value === slider.defaultValue) show(); else slide();
  }

  /* ---- pictures ---- */

  function enlarge() {
    var viewer = document.getElementById('viewer_');
    var pictures = Array.from(document.querySelectorAll('.picture')), place = 0;
    if (!viewer || !viewer.showModal) return;

    function show(next) {
      place = (next + pictures.length) % pictures.length;
      var picture = pictures[place], gallery = picture.closest('.gallery');
      var copy = picture.querySelector('.frame').cloneNode(true), caption = picture.querySelector('.caption');
      copy.querySelector('.zoom').remove();
      viewer.querySelector('.viewer-picture').replaceChildren(copy);
      viewer.querySelector('.viewer-title').textContent = picture.querySelector('.title').textContent;
      viewer.querySelector('.viewer-caption').textContent = caption ? caption.textContent : '';
      ['truths', 'found', 'heat'].forEach(function (kind) {
        var box = gallery.querySelector('.show-' + kind);
        viewer.classList.toggle('no-' + kind, box !== null && !box.checked);
      });
    }

    pictures.forEach(function (picture, i) {
      var button = picture.querySelector('.zoom');
      button.hidden = false;
      picture.querySelector('.frame').addEventListener('click', function () {
        button.focus({ preventScroll: true }); /* where closing goes back to */
        show(i);
        viewer.showModal();
      });
    });
    viewer.addEventListener('click', function (event) {
      var step = event.target.dataset.step;
      if (step) show(place + Number(step));
      if (event.target === viewer || event.target.dataset.close !== undefined) viewer.close();
    });
    viewer.addEventListener('keydown', function (event) {
      if (event.key === 'ArrowLeft') show(place - 1);
      if (event.key === 'ArrowRight') show(place + 1);
    });
  }

  /* ---- contents ---- */

  function follow() {
    var links = Array.from(document.querySelectorAll('.contents a')), seen = new Set();
    if (!window.IntersectionObserver) return;
    var watcher = new IntersectionObserver(function (entries) {
      entries.forEach(function (e) { if (e.isIntersecting) seen.add(e.target.id); else seen.delete(e.target.id); });
      var here = links.find(function (a) { return seen.has(a.hash.slice(1)); });
      links.forEach(function (a) {
        if (a === here) a.setAttribute('aria-current', 'true'); else a.removeAttribute('aria-current');
      });
    }, { rootMargin: '-10% 0px -60% 0px' });
    document.querySelectorAll('section').forEach(function (s) { watcher.observe(s); });
  }

  /* ---- printing: what is folded is printed, too ---- */

  function unfold() {
    var opened = [];
    window.addEventListener('beforeprint', function () {
      opened = Array.from(document.querySelectorAll('.fold:not([open])'));
      opened.forEach(function (d) { d.open = true; });
    });
    window.addEventListener('afterprint', function () { opened.forEach(function (d) { d.open = false; }); });
  }

  document.querySelectorAll('.explorer').forEach(explore);
  enlarge();
  follow();
  unfold();
})();
