-- Another change's number: until that lands, nothing.
SELECT 1;
