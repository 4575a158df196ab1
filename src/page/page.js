/* What scripts add to a report page: the threshold explorer, enlarged pictures, where one is in the contents. The page
 * is whole without them. Numbers are computed and written as explorer.c does. */
(function () {
  'use strict';
  var z = 1.959963984540054;

  /* Wilson 1927, 95 %. Not defined: null. */
  function share(k, n) {
    if (n <= 0) return null;
    var p = k / n, z2 = z * z, whole = 1 + z2 / n;
    var centre = (p + z2 / (2 * n)) / whole;
    var reach = z * Math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / whole;
    return { value: p, low: Math.max(0, centre - reach), high: Math.min(1, centre + reach) };
  }

  function count(n) { return String(n).replace(/\B(?=(\d{3})+$)/g, ','); }

  function short(v) {
    if (v === null) return 'not defined';
    var large = Math.abs(v) >= 1e7 || (v !== 0 && Math.abs(v) < 1e-4);
    var text = large ? v.toExponential(3).replace(/\.?0*e\+?/, 'e') : String(parseFloat(v.toPrecision(4)));
    return text.replace(/^-/, '\u2212');
  }

  function percent(v) { return (100 * v).toFixed(1); }

  function element(tag, name, text) {
    var e = document.createElement(tag);
    e.className = name;
    e.textContent = text;
    return e;
  }

  /* ---- threshold explorer ---- */

  function setLine(line, from, to) {
    line.setAttribute('x1', (100 * from).toFixed(2) + '%');
    line.setAttribute('x2', (100 * to).toFixed(2) + '%');
  }

  function drawWhisker(svg, s) {
    svg.style.visibility = s ? 'visible' : 'hidden';
    if (!s) return;
    var line = svg.querySelector('line.whisker'), dot = svg.querySelector('.dot'), ends = svg.querySelectorAll('.spot');
    var shown = s.low !== undefined;
    [line].concat(Array.from(ends)).forEach(function (e) { if (e) e.style.display = shown ? '' : 'none'; });
    if (dot) dot.setAttribute('cx', (100 * s.value).toFixed(2) + '%');
    if (!shown || !line) return;
    setLine(line, s.low, s.high);
    ends[0].setAttribute('x', (100 * s.low).toFixed(2) + '%');
    ends[1].setAttribute('x', (100 * s.high).toFixed(2) + '%');
  }

  function showMeasure(figure, key, s) {
    var row = figure.querySelector('[data-measure="' + key + '"]'), cell = row.querySelector('.number');
    drawWhisker(row.querySelector('svg'), s);
    cell.textContent = '';
    cell.append(s ? element('span', 'value', percent(s.value) + '\u00a0%') : element('span', 'value none', 'not defined'));
    if (!s || s.low === undefined) return;
    cell.append(' ', element('span', 'interval', '(' + percent(s.low) + '\u2013' + percent(s.high) + '\u00a0%)'));
  }

  /* Predictive values at another prevalence (Bayes); of counts where none is given. */
  function predictive(data, tp, fp, prevalence) {
    var fn = data.positives - tp, tn = data.negatives - fp;
    if (prevalence === null) return { positive: share(tp, tp + fp), negative: share(tn, tn + fn) };
    var found = tp / data.positives * prevalence, alarm = fp / data.negatives * (1 - prevalence);
    var missed = fn / data.positives * prevalence, spared = tn / data.negatives * (1 - prevalence);
    return {
      positive: found + alarm > 0 ? { value: found / (found + alarm) } : null,
      negative: missed + spared > 0 ? { value: spared / (missed + spared) } : null
    };
  }

  function explore(figure) {
    var data = JSON.parse(figure.querySelector('script').textContent);
    var slider = figure.querySelector('input[type="range"]'), field = figure.querySelector('input[type="number"]');
    var buttons = Array.from(figure.querySelectorAll('button[data-stop]')), marker = figure.querySelector('.moving');
    var frame = figure.querySelector('svg.chart').dataset.frame.split(' ').map(Number);

    function prevalence() {
      var v = parseFloat(field.value) / 100;
      return v >= 0 && v <= 1 ? v : null;
    }

    function say(stop, place, sensitivity, specificity) {
      var point = data.points.find(function (p) { return p.stop === place; });
      var name = 'Threshold ' + short(stop[0]) + (point ? ' (' + point.name + ')' : '');
      figure.querySelector('output').textContent = name + ': ' + count(stop[1]) + ' of ' + count(data.positives) + ' ' +
        data.positive + ' found, ' + count(stop[2]) + ' of ' + count(data.negatives) + ' ' + data.negative + ' called ' +
        data.positive + '.';
      slider.setAttribute('aria-valuetext', name +
        (sensitivity ? ', sensitivity ' + percent(sensitivity.value) + '\u00a0%' : '') +
        (specificity ? ', specificity ' + percent(specificity.value) + '\u00a0%' : ''));
    }

    function show() {
      var place = Number(slider.value), stop = data.stops[place], tp = stop[1], fp = stop[2];
      var sensitivity = share(tp, data.positives), specificity = share(data.negatives - fp, data.negatives);
      var values = predictive(data, tp, fp, prevalence());
      showMeasure(figure, 'sensitivity', sensitivity);
      showMeasure(figure, 'specificity', specificity);
      showMeasure(figure, 'positive', values.positive);
      showMeasure(figure, 'negative', values.negative);
      var cells = { tp: tp, fp: fp, fn: data.positives - tp, tn: data.negatives - fp };
      Object.keys(cells).forEach(function (key) {
        figure.querySelector('[data-cell="' + key + '"]').textContent = count(cells[key]);
      });
      if (sensitivity && specificity) {
        marker.setAttribute('cx', (frame[0] + frame[2] * (1 - specificity.value)).toFixed(1));
        marker.setAttribute('cy', (frame[1] + frame[3] * sensitivity.value).toFixed(1));
      }
      buttons.forEach(function (b) { b.setAttribute('aria-pressed', String(Number(b.dataset.stop) === place)); });
      say(stop, place, sensitivity, specificity);
    }

    slider.addEventListener('input', show);
    field.addEventListener('input', show);
    buttons.forEach(function (b) {
      b.addEventListener('click', function () { slider.value = b.dataset.stop; show(); });
    });
    figure.querySelector('.controls').hidden = false;
    show();
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
