-- mart.three_way_terms: why channel, warehouse and books differ, by order or entry; the last 62 days that were read.
with

days as (
    select
        account,
        state,
        books_state,
        invoicing_trigger,
        read_at,
        order_date
    from core.day_readings
    where order_date > (select max(newest.order_date) - 62 from core.day_readings as newest)
),

-- What an order is worth in the figures: nothing when it does not count.
own as (
    select
        core_orders.order_key,
        core_orders.account,
        core_orders.content_hash,
        core_orders.order_status,
        coalesce(core_orders.currency_code, '?') as currency_code,
        days.state,
        days.books_state,
        days.invoicing_trigger,
        case
            when
                orders.is_counted
                and orders.order_kind = 'sale'
                and coalesce(orders.order_status, '') <> 'cancelled'
                then coalesce(orders.order_total_current_incl_vat, 0)
            else 0
        end as amount,
        core_orders.is_quarantined,
        core_orders.is_history,
        core_orders.ordered_at,
        core_orders.completed_at,
        core_orders.first_received_at,
        days.read_at,
        orders.order_date
    from mart.orders
    inner join days on orders.account = days.account and orders.order_date = days.order_date
    inner join core.orders as core_orders on orders.order_key = core_orders.order_key
),

listed as (
    select
        readings.order_key,
        readings.account,
        readings.content_hash,
        coalesce(readings.currency_code, '?') as currency_code,
        case when readings.is_counted then coalesce(readings.order_total_current_incl_vat, 0) else 0 end as amount,
        readings.is_missing,
        readings.order_date
    from core.order_readings as readings
    inner join days on readings.account = days.account and readings.order_date = days.order_date
    where readings.is_listed and days.state = 'read'
),

own_read as (
    select
        order_key,
        account,
        content_hash,
        currency_code,
        amount,
        is_quarantined,
        first_received_at >= read_at as is_newer,
        order_date
    from own
    where state = 'read'
),

waiting as (
    select distinct entity_key
    from core.quarantine
    where resolved_at is null
),

paired as (
    select
        coalesce(listed.order_key, own_read.order_key) as order_key,
        coalesce(listed.account, own_read.account) as account,
        coalesce(own_read.currency_code, listed.currency_code) as currency_code,
        coalesce(listed.amount, 0) - coalesce(own_read.amount, 0) as amount,
        listed.order_key is not null as is_listed,
        own_read.order_key is not null as is_own,
        coalesce(listed.is_missing, false) as is_missing,
        coalesce(own_read.is_quarantined, false) as is_quarantined,
        coalesce(own_read.is_newer, false) as is_newer,
        coalesce(listed.content_hash, '') <> coalesce(own_read.content_hash, '') as has_other_body,
        coalesce(listed.order_date, own_read.order_date) as order_date
    from listed
    full outer join own_read on listed.order_key = own_read.order_key and listed.order_date = own_read.order_date
),

at_channel as (
    select
        paired.order_key as subject_key,
        paired.account,
        'channel_warehouse' as comparison,
        case
            when paired.is_listed and paired.is_own and paired.is_quarantined then 'quarantined'
            when paired.is_listed and paired.is_own and paired.has_other_body then 'changed_between'
            when paired.is_listed and paired.is_own then 'unexplained'
            when paired.is_own and paired.is_newer then 'changed_between'
            when paired.is_own then 'not_at_channel'
            when elsewhere.order_key is not null then 'unexplained'
            when waiting.entity_key is not null then 'quarantined'
            when paired.is_missing then 'missing'
            else 'not_taken_in'
        end as term,
        cast(null as text) as reason,
        paired.currency_code,
        paired.amount,
        paired.order_date
    from paired
    left join waiting on paired.order_key = waiting.entity_key
    left join core.orders as elsewhere on paired.order_key = elsewhere.order_key
    where paired.amount <> 0
),

rounded as (
    select distinct invoice_lines.invoice_key
    from core.invoice_lines
    where invoice_lines.vat_code = ''
),

-- Entries that may hold orders of these days: none is dated before the oldest of its orders.
entries as (
    select
        invoices.invoice_key,
        invoices.account,
        invoices.currency_code,
        invoices.state,
        outbox.mode,
        coalesce(readings.entries, 0) as found,
        readings.amount_incl_vat as amount,
        rounded.invoice_key is not null as has_rounding,
        invoices.state = 'booked'
        and (readings.read_at is null or coalesce(invoices.booked_at > readings.read_at, false)) as is_newer,
        readings.entry_date
    from core.invoices
    left join core.entry_readings as readings on invoices.invoice_key = readings.invoice_key
    left join core.outbox on invoices.invoice_key = outbox.subject_key and outbox.kind = 'sales_entry'
    left join rounded on invoices.invoice_key = rounded.invoice_key
    where invoices.invoice_date >= (select min(days.order_date) from days)
),

shares as (
    select
        invoice_orders.order_key,
        entries.invoice_key,
        entries.account,
        entries.currency_code,
        entries.state,
        entries.mode,
        entries.found,
        invoice_orders.amount_incl_vat as invoiced,
        coalesce(invoice_orders.planned_total_incl_vat, invoice_orders.amount_incl_vat) as planned_total,
        entries.has_rounding,
        entries.is_newer,
        entries.entry_date
    from core.invoice_orders
    inner join entries on invoice_orders.invoice_key = entries.invoice_key
),

holds as (
    select
        order_key,
        reason_code
    from core.invoice_holds
    where released_at is null
),

without_entry as (
    select
        own.order_key as subject_key,
        own.account,
        case
            when own.is_history then 'before_effective'
            when own.invoicing_trigger = 'off' then 'invoicing_off'
            when holds.order_key is not null then 'on_hold'
            when own.invoicing_trigger = 'shipped' and own.completed_at is null then 'not_due'
            when
                own.invoicing_trigger = 'ordered'
                and own.order_status in ('pending', 'waiting_acceptance', 'on_hold')
                then 'not_due'
            when
                case when own.invoicing_trigger = 'shipped' then own.completed_at else own.ordered_at end
                > own.read_at - interval '2 days'
                then 'due_not_planned'
            else 'unexplained'
        end as term,
        holds.reason_code as reason,
        own.currency_code,
        own.amount,
        own.order_date
    from own
    left join shares on own.order_key = shares.order_key
    left join holds on own.order_key = holds.order_key
    where own.books_state = 'read' and own.amount <> 0 and shares.order_key is null
),

with_entry as (
    select
        own.order_key as subject_key,
        own.account,
        shares.state,
        shares.mode,
        own.currency_code,
        shares.found,
        own.amount - shares.planned_total as changed,
        shares.planned_total - shares.invoiced as rest,
        shares.invoiced,
        shares.has_rounding,
        shares.is_newer,
        shares.entry_date,
        own.order_date
    from own
    inner join shares on own.order_key = shares.order_key
    where own.books_state = 'read'
),

entry_sums as (
    select
        shares.invoice_key,
        sum(shares.invoiced) as invoiced
    from shares
    where shares.found > 0
    group by shares.invoice_key
),

in_books as (
    select
        subject_key,
        account,
        term,
        reason,
        currency_code,
        amount,
        order_date
    from without_entry
    union all
    select
        subject_key,
        account,
        'changed_after_booking' as term,
        cast(null as text) as reason,
        currency_code,
        changed as amount,
        order_date
    from with_entry
    where changed <> 0
    union all
    select
        subject_key,
        account,
        case when has_rounding then 'rounding' else 'unexplained' end as term,
        cast(null as text) as reason,
        currency_code,
        rest as amount,
        order_date
    from with_entry
    where rest <> 0
    union all
    select
        subject_key,
        account,
        case
            when is_newer then 'booked_after_reading'
            when state = 'booked' then 'missing_in_books'
            when mode = 'observe' then 'observed'
            when state = 'failed' then 'failed'
            else 'planned'
        end as term,
        cast(null as text) as reason,
        currency_code,
        invoiced as amount,
        order_date
    from with_entry
    where found = 0 and invoiced <> 0
    union all
    select
        subject_key,
        account,
        'other_day' as term,
        cast(null as text) as reason,
        currency_code,
        invoiced as amount,
        order_date
    from with_entry
    where found > 0 and entry_date <> order_date and invoiced <> 0
    union all
    select
        shares.order_key as subject_key,
        shares.account,
        'other_day' as term,
        cast(null as text) as reason,
        shares.currency_code,
        -shares.invoiced as amount,
        shares.entry_date as order_date
    from shares
    inner join days on shares.account = days.account and shares.entry_date = days.order_date
    inner join core.orders as booked_orders on shares.order_key = booked_orders.order_key
    where
        shares.found > 0
        and days.books_state = 'read'
        and coalesce(booked_orders.order_date <> shares.entry_date, true)
        and shares.invoiced <> 0
    union all
    select
        entries.invoice_key as subject_key,
        entries.account,
        case when entries.found > 1 then 'booked_twice' else 'changed_in_books' end as term,
        cast(null as text) as reason,
        entries.currency_code,
        coalesce(entry_sums.invoiced, 0) - entries.amount as amount,
        entries.entry_date as order_date
    from entries
    inner join days on entries.account = days.account and entries.entry_date = days.order_date
    left join entry_sums on entries.invoice_key = entry_sums.invoice_key
    where
        entries.found > 0
        and days.books_state = 'read'
        and coalesce(entry_sums.invoiced, 0) <> entries.amount
)

select
    subject_key,
    account,
    comparison,
    term,
    reason,
    currency_code,
    cast(amount as decimal(18, 2)) as amount_incl_vat,
    order_date
from at_channel
union all
select
    subject_key,
    account,
    'warehouse_books' as comparison,
    term,
    reason,
    currency_code,
    cast(amount as decimal(18, 2)) as amount_incl_vat,
    order_date
from in_books
