/* Follows the log of a run that goes on, switches the wrapping of its lines, and copies what stands on the page. When
   live.js has found that there is more of the log, this fetches it; so a page that is paused or hidden asks for nothing. */
'use strict';
(function() {
    const MOST_LINES = 5000, NEAR = 24, AGAIN = 3000, WRAP = 'sched_log_unwrapped';

    // -- the log ------------------------------------------------------------------------------------------------------

    function follow(box, state) {
        const lines = box.querySelector('.run-lines'), nothing = document.querySelector('.run-nothing');
        let last = Number(lines.dataset.last), busy = false;

        function atEnd() {
            return box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
        }

        function toEnd() {
            box.scrollTop = box.scrollHeight;
        }

        function add(fresh) {
            const stays = box.hidden || atEnd();
            box.hidden = false;
            nothing.hidden = true;
            lines.append(...fresh.childNodes);
            const extra = lines.childElementCount - MOST_LINES;
            for (let i = 0; i < extra; i += 1) {
                const before = box.scrollHeight;
                lines.firstElementChild.remove();
                if (!stays) {  // what somebody is reading does not move
                    box.scrollTop -= before - box.scrollHeight;
                }
            }
            if (stays) {
                toEnd();
            }
        }

        async function fetchMore() {
            if (busy || last >= Number(state.dataset.last)) {
                return;
            }
            busy = true;
            try {
                const answer = await fetch(box.dataset.url + '?after=' + last, {credentials: 'same-origin', redirect: 'manual'});
                if (answer.type === 'opaqueredirect' || answer.status === 403 || answer.status === 404) {
                    return;  // signed out, or the run is gone: live.js says so
                }
                if (!answer.ok) {
                    throw new Error(answer.status);
                }
                const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
                const fresh = page.querySelector('.run-lines');
                if (Number(fresh.dataset.last) > last) {
                    last = Number(fresh.dataset.last);
                    add(fresh);
                }
                busy = false;
                fetchMore();
            } catch (error) {
                busy = false;
                setTimeout(fetchMore, AGAIN);
            }
        }

        new MutationObserver(fetchMore).observe(state, {attributes: true});
        toEnd();
        fetchMore();
    }

    function remembered() {
        try {
            return localStorage.getItem(WRAP) === 'yes';
        } catch (error) {  // storage may be forbidden
            return false;
        }
    }

    function switchWrapping(box, tick) {
        function show() {
            box.classList.toggle('run-unwrapped', !tick.checked);
        }
        tick.checked = !remembered();
        tick.addEventListener('change', () => {
            show();
            try {
                localStorage.setItem(WRAP, tick.checked ? 'no' : 'yes');
            } catch (error) {
                // it holds for this page then
            }
        });
        show();
    }

    // -- copying ------------------------------------------------------------------------------------------------------

    async function copy(text) {
        if (navigator.clipboard && window.isSecureContext) {
            await navigator.clipboard.writeText(text);
            return;
        }
        const area = document.createElement('textarea'), focused = document.activeElement;
        area.value = text;
        area.setAttribute('readonly', '');
        area.className = 'run-offscreen';
        document.body.append(area);
        area.select();
        const done = document.execCommand('copy');
        area.remove();
        focused.focus();
        if (!done) {
            throw new Error('not copied');
        }
    }

    function onCopy(event) {
        const button = event.target.closest('.run-copy');
        const source = button && document.getElementById(button.dataset.copy);
        if (!source || button.dataset.says) {
            return;
        }
        const text = source.href || source.textContent;
        copy(text).then(() => {
            button.dataset.says = button.textContent;
            button.textContent = button.dataset.done;
            document.getElementById('run-said').textContent = button.dataset.done;
        }, () => {
            window.getSelection().selectAllChildren(source);  // ready for Ctrl+C
        }).finally(() => setTimeout(() => {
            if (button.dataset.says) {
                button.textContent = button.dataset.says;
                delete button.dataset.says;
            }
            document.getElementById('run-said').textContent = '';
        }, 2000));
    }

    function start() {
        const box = document.getElementById('run-log-box'), state = document.getElementById('run-log-state');
        document.documentElement.classList.add('run-has-script');
        document.addEventListener('click', onCopy);
        if (box && state) {
            switchWrapping(box, document.getElementById('run-wrap'));
            follow(box, state);
        }
    }

    document.readyState === 'loading' ? document.addEventListener('DOMContentLoaded', start) : start();
})();
