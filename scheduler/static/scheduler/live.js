/* Keeps an open page of the scheduler fresh: it fetches the page's live part and changes only what differs, so that
   the selection, the scroll position and the focus stay. Without this file every page works, and stands still. */
'use strict';
(function() {
    const MOVING = 2000, IDLE = 20000, TROUBLE = 5000, PATIENCE = 10000;

    // -- morphing: make `old` look like `fresh` ----------------------------------------------------------------------

    const KEPT = {TR: ['class'], DETAILS: ['open'], TD: ['data-label']};

    function morph(old, fresh) {
        if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
            old.replaceWith(fresh);
        } else if (old.nodeType !== Node.ELEMENT_NODE) {
            if (old.data !== fresh.data) {
                old.data = fresh.data;
            }
        } else if (old.nodeName !== 'INPUT' && !old.hasAttribute('data-kept')) {
            // An input is a tick, or a token as good as the new one. What is kept looks after itself.
            morphAttributes(old, fresh);
            old.nodeName === 'TBODY' ? morphRows(old, fresh) : morphChildren(old, fresh);
        }
    }

    function morphAttributes(old, fresh) {
        const kept = KEPT[old.nodeName] || [];
        for (const name of old.getAttributeNames()) {
            if (!fresh.hasAttribute(name) && !kept.includes(name)) {
                old.removeAttribute(name);
            }
        }
        for (const name of fresh.getAttributeNames()) {
            if (old.getAttribute(name) !== fresh.getAttribute(name) && !kept.includes(name)) {
                old.setAttribute(name, fresh.getAttribute(name));
            }
        }
    }

    function morphChildren(old, fresh) {
        const before = Array.from(old.childNodes), after = Array.from(fresh.childNodes);
        after.forEach((node, i) => i < before.length ? morph(before[i], node) : old.append(node));
        before.slice(after.length).forEach(node => node.remove());
    }

    function keyOf(row) {  // a row without a name of its own is known by its place
        const box = row.querySelector('input.action-select'), link = row.querySelector('a[href]');
        return box ? box.value : link ? link.getAttribute('href') : '#' + row.sectionRowIndex;
    }

    function morphRows(old, fresh) {
        const known = new Map(Array.from(old.rows, row => [keyOf(row), row]));
        let place = old.rows[0] || null;
        for (const row of Array.from(fresh.rows)) {
            const same = known.get(keyOf(row));
            if (!same) {
                old.insertBefore(row, place);
                continue;
            }
            known.delete(keyOf(row));
            if (same === place) {
                place = place.nextElementSibling;
            } else {
                old.insertBefore(same, place);
            }
            morph(same, row);
        }
        for (const row of known.values()) {  // those that somebody has ticked stay, though they left the page
            if (!row.querySelector('input.action-select:checked')) {
                row.remove();
            }
        }
    }

    // -- the table: names for the cells of narrow screens, ticks in rows that came later ------------------------------

    function labelCells(root) {
        const table = root.querySelector('#result_list');
        if (!table || !table.tHead) {
            return;
        }
        const names = Array.from(table.tHead.rows[0].cells, cell => (cell.querySelector('.text') || cell).textContent.trim());
        for (const row of table.tBodies[0].rows) {
            Array.from(row.cells).forEach((cell, i) => {
                if (names[i] && !cell.classList.contains('action-checkbox')) {
                    cell.dataset.label = names[i];
                    cell.classList.toggle('sched-blank', ['', '–'].includes(cell.textContent.trim()));
                }
            });
        }
    }

    function countTicks() {
        const boxes = document.querySelectorAll('#result_list input.action-select');
        const counter = document.querySelector('span.action-counter');
        if (!counter || typeof window.interpolate !== 'function') {
            return;
        }
        const ticked = Array.from(boxes).filter(box => box.checked).length;
        boxes.forEach(box => box.closest('tr').classList.toggle('selected', box.checked));
        counter.dataset.actionsIcnt = boxes.length;
        counter.textContent = window.interpolate(
            window.ngettext('%(sel)s of %(cnt)s selected', '%(sel)s of %(cnt)s selected', ticked),
            {sel: ticked, cnt: boxes.length}, true
        );
    }

    // -- polling ------------------------------------------------------------------------------------------------------

    function keepFresh(live, status) {
        let timer = null, busy = false, paused = false, ended = false, updated = Date.now(), trouble = '', etag = '';
        const text = status && status.querySelector('span'), button = status && status.querySelector('button');

        function moving() {
            return live.querySelector('[data-moving="yes"]') !== null;
        }

        function plan(delay) {
            clearTimeout(timer);
            if (!paused && !ended && !document.hidden) {
                timer = setTimeout(refresh, delay);
            }
        }

        async function refresh() {
            if (busy) {
                return;
            }
            busy = true;
            const abort = new AbortController(), alarm = setTimeout(() => abort.abort(), PATIENCE);
            try {
                const answer = await fetch(window.location.href, {
                    headers: {'X-Scheduler-Refresh': 'yes', ...(etag && {'If-None-Match': etag})}, credentials: 'same-origin', redirect: 'manual',
                    cache: 'no-store', signal: abort.signal
                });
                if (answer.type === 'opaqueredirect' || answer.status === 403 || answer.status === 404) {
                    ended = true;
                    trouble = status ? status.dataset.gone : '';
                } else if (answer.status === 304) {
                    updated = Date.now();
                    trouble = '';
                } else if (!answer.ok) {
                    throw new Error(answer.status);
                } else {
                    show(await answer.text());
                    etag = paused ? '' : answer.headers.get('ETag');
                }
            } catch (error) {
                trouble = status ? status.dataset.away : '';
            } finally {
                clearTimeout(alarm);
                busy = false;
            }
            tell();
            plan(trouble ? TROUBLE : moving() ? MOVING : IDLE);
        }

        function show(html) {
            const fresh = new DOMParser().parseFromString(html, 'text/html').querySelector('.sched-part');
            if (!fresh) {
                throw new Error('not a live part');
            }
            if (!paused) {  // pressed while the answer was on its way
                labelCells(fresh);
                window.schedTick(fresh);
                const old = live.querySelector('.sched-part');
                morph(old, fresh);
                countTicks();
                updated = Date.now();
                trouble = '';
            }
        }

        function tell() {
            if (!status) {
                return;
            }
            const seconds = Math.floor((Date.now() - updated) / 1000);
            const fresh = seconds < 2 ? status.dataset.now : status.dataset.ago.replace('%s', seconds);
            text.textContent = trouble || (paused ? status.dataset.paused + ' · ' + fresh : fresh);
            status.classList.toggle('sched-trouble', trouble !== '');
            button.textContent = paused ? status.dataset.resume : status.dataset.pause;
            button.hidden = ended;
        }

        if (status) {
            status.hidden = false;
            button.addEventListener('click', () => {
                paused = !paused;
                tell();
                plan(0);
            });
            setInterval(() => document.hidden || tell(), 1000);
        }
        document.addEventListener('sched:refresh', refresh);
        document.addEventListener('visibilitychange', () => document.hidden ? clearTimeout(timer) : plan(0));
        tell();
        plan(moving() ? MOVING : IDLE);
    }

    // -- small comforts -----------------------------------------------------------------------------------------------

    function closeFilters(except) {
        document.querySelectorAll('.sched-filter[open]').forEach(filter => {
            if (filter !== except) {
                filter.open = false;
            }
        });
    }

    function start() {
        const live = document.getElementById('sched-live');
        if (live) {
            labelCells(live);
            keepFresh(live, document.getElementById('sched-status'));
            live.addEventListener('change', event => {
                if (event.target.matches('input.action-select')) {
                    countTicks();
                }
            });
            live.addEventListener('click', event => {
                if (event.target.id === 'action-toggle') {
                    document.querySelectorAll('#result_list input.action-select').forEach(box => {
                        box.checked = event.target.checked;
                    });
                    countTicks();
                }
            });
        }
        document.addEventListener('click', event => closeFilters(event.target.closest('.sched-filter')));
        document.addEventListener('keydown', event => {
            const open = document.querySelector('.sched-filter[open]');
            if (event.key === 'Escape' && open) {
                open.querySelector('summary').focus();
                closeFilters(null);
            }
        });
        document.addEventListener('submit', event => {  // a second click asks for nothing more
            const form = event.target;
            if (form.matches('.sched-buttons')) {
                setTimeout(() => form.querySelectorAll('button').forEach(button => { button.disabled = true; }));
            }
        });
        window.addEventListener('pageshow', () => {
            document.querySelectorAll('.sched-buttons button').forEach(button => { button.disabled = false; });
        });
    }

    document.readyState === 'loading' ? document.addEventListener('DOMContentLoaded', start) : start();
})();
