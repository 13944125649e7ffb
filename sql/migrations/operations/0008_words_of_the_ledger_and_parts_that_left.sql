-- Demand in the words of a bookkeeper: sold, fulfilled where the pieces left, cancelled where they are owed no more.
-- A release beside a demand of the same booking moved the line to another article or place.
update stock_movements set kind = 'sold'
where kind = 'demanded';

update stock_movements set kind = 'fulfilled'
where
    kind = 'demand_released'
    and exists (
        select 1
        from stock_movements as beside
        where
            beside.kind = 'shipped'
            and beside.order_key = stock_movements.order_key
            and beside.line_id = stock_movements.line_id
            and beside.booked_at = stock_movements.booked_at
    );

update stock_movements set kind = 'sold'
where
    kind = 'demand_released'
    and exists (
        select 1
        from stock_movements as beside
        where
            beside.kind = 'sold'
            and beside.open_demand_delta > 0
            and beside.order_key = stock_movements.order_key
            and beside.line_id = stock_movements.line_id
            and beside.booked_at = stock_movements.booked_at
    );

update stock_movements set kind = 'cancelled'
where kind = 'demand_released';

-- Pieces of a part in one bundle, as it was made when this was booked; null for an article, and for what is older.
alter table line_demand add column pieces_each bigint;
alter table line_shipped add column pieces_each bigint;
