/* Comforts of a job's form: a filter over the tasks, words for screen readers when the preview has changed, and a
   warning before typed input is left behind. Without this file the form works, and asks the server by its buttons. */
'use strict';
(function() {
    function filterTasks(box) {
        const list = document.getElementById(box.dataset.filters), input = box.querySelector('input');
        const told = box.querySelector('[role="status"]'), tasks = Array.from(list.querySelectorAll('label'));
        box.hidden = false;
        input.addEventListener('input', () => {
            const words = input.value.toLowerCase().split(/\s+/);
            const shown = tasks.filter(task => {
                const text = task.textContent.toLowerCase();
                task.hidden = !words.every(word => text.includes(word)) && !task.querySelector('input').checked;
                return !task.hidden;
            });
            told.textContent = shown.length + ' / ' + tasks.length;
        });
        input.addEventListener('keydown', event => {
            if (event.key === 'Enter') {  // else it would save the form
                event.preventDefault();
            }
        });
        const chosen = list.querySelector('input:checked');
        if (chosen) {
            list.scrollTop = chosen.closest('label').offsetTop - list.offsetTop;
        }
    }

    function guard(form) {
        let typed = form.querySelector('.sched-faults, .sched-conflict') !== null, sending = false;
        form.addEventListener('input', event => { typed = typed || event.target.name !== ''; });
        form.addEventListener('submit', () => { sending = true; });
        window.addEventListener('pageshow', () => { sending = false; });
        window.addEventListener('beforeunload', event => {
            if (typed && !sending) {
                event.preventDefault();
            }
        });
        form.querySelectorAll('.sched-save a, .sched-conflict a').forEach(link => {
            link.addEventListener('click', () => { sending = true; });
        });
    }

    function start() {
        const form = document.querySelector('.sched-form');
        if (!form) {
            return;
        }
        form.classList.add('sched-scripted');
        form.querySelectorAll('.sched-filter-box').forEach(filterTasks);
        guard(form);
        document.body.addEventListener('htmx:afterSwap', event => {
            if (event.detail.target.id === 'sched-preview') {
                const said = event.detail.target.querySelector('[data-said]');
                document.getElementById('sched-preview-said').textContent = said ? said.textContent : '';
                window.schedTick(event.detail.target);
            }
        });
    }

    document.readyState === 'loading' ? document.addEventListener('DOMContentLoaded', start) : start();
})();
